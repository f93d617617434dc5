package ingress

import "encoding/json"

// reserialised decodes and encodes a body that is JSON: the bug that planted.ReserialisedBody switches on.
func reserialised(body []byte) []byte {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return body
	}
	again, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return again
}
