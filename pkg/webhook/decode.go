package webhook

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
)

// fields maps the names that an object may have to pointers for their values, or, for an object inside, to a func() fields.
// Unlike encoding/json it knows names in one case only, and goes on after a mistake.
type fields map[string]any

func decodeFields(path string, object map[string]json.RawMessage, known fields, bad *FieldErrors) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		field, raw := join(path, name), object[name]
		into, ok := known[name]
		switch inner, nested := into.(func() fields); {
		case !ok:
			bad.add(field, "%s", unknown(name, known))
		case string(raw) == "null":
			bad.add(field, "has no value: give one or leave the field out")
		case nested:
			decodeObject(field, raw, inner, bad)
		default:
			decodeValue(field, raw, into, bad)
		}
	}
}

func unknown(name string, known fields) string {
	for candidate := range known {
		if strings.EqualFold(candidate, strings.NewReplacer("_", "", "-", "").Replace(name)) {
			return "is not a field; did you mean " + candidate + "?"
		}
	}
	return "is not a field"
}

func decodeObject(field string, raw json.RawMessage, inner func() fields, bad *FieldErrors) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		bad.add(field, "has to be an object")
		return
	}
	decodeFields(field, object, inner(), bad)
}

// decodeValue never lets the decoder's own error out: it may repeat the value, which may be a secret.
func decodeValue(field string, raw json.RawMessage, into any, bad *FieldErrors) {
	if s, ok := into.(*Scheme); ok {
		decodeScheme(field, raw, s, bad)
		return
	}
	if json.Unmarshal(raw, into) != nil || hasNull(raw) {
		bad.add(field, "has to be %s", form(into))
	}
}

// hasNull reports a null among the values of a list or map: encoding/json takes it for an empty string.
func hasNull(raw json.RawMessage) bool {
	var list []json.RawMessage
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil && json.Unmarshal(raw, &object) != nil {
		return false
	}
	list = slices.AppendSeq(list, maps.Values(object))
	return slices.ContainsFunc(list, func(r json.RawMessage) bool { return string(r) == "null" })
}

func decodeScheme(field string, raw json.RawMessage, s *Scheme, bad *FieldErrors) {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		*s = NamedScheme(name)
		switch name {
		case signature.NameCustom:
			bad.add(field, "a custom scheme is an object with its fields: signatureHeader, encoding, signs …")
		case "":
			bad.add(field, "has no value: give one or leave the field out")
		}
		return
	}
	decodeObject(field, raw, s.fields, bad)
	if s.Name != signature.NameCustom && !bad.has(field) {
		bad.add(join(field, "name"), "a scheme with fields is named custom; a known one is given by its name alone")
		s.Name = signature.NameCustom
	}
}

// form says how a value of the target's type is written.
func form(into any) string {
	switch into.(type) {
	case *bool:
		return "true or false"
	case *int, *int64, **int64:
		return "a whole number"
	case **policy.Duration:
		return `a text such as "300s" or "5m"`
	case *[]string:
		return "a list of texts"
	case *map[string]string:
		return "an object whose values are texts"
	default:
		return "a text"
	}
}

func join(path, name string) string {
	name = strings.ToValidUTF8(fmt.Sprintf("%.64s", name), "")
	if path == "" {
		return name
	}
	return path + "." + name
}
