// Package jsonpointer reads one string out of a JSON document by a JSON pointer (RFC 6901). It decodes only the levels on
// the way and changes nothing.
package jsonpointer

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// ErrSyntax says that a text is not a JSON pointer.
var ErrSyntax = errors.New("a JSON pointer is empty or begins with /")

// maxDepth bounds the pointers that Check accepts.
const maxDepth = 16

// Check reports whether pointer can be looked up.
func Check(pointer string) error {
	if pointer != "" && pointer[0] != '/' || strings.Count(pointer, "/") > maxDepth {
		return ErrSyntax
	}
	return nil
}

// String returns the string that pointer names in doc. It reports false when doc is not JSON, when nothing stands there,
// or when it is not a string. Of duplicate keys the last one counts, as in encoding/json.
func String(doc []byte, pointer string) (string, bool) {
	if pointer == "" || pointer[0] != '/' {
		return "", false
	}
	at := json.RawMessage(doc)
	for token := range strings.SplitSeq(pointer[1:], "/") {
		next, ok := step(at, unescape.Replace(token))
		if !ok {
			return "", false
		}
		at = next
	}
	var s string
	if at = bytes.TrimLeft(at, " \t\r\n"); len(at) == 0 || at[0] != '"' || json.Unmarshal(at, &s) != nil {
		return "", false
	}
	return s, true
}

// unescape undoes the two escapes; a Replacer goes from left to right, so ~01 becomes ~1.
var unescape = strings.NewReplacer("~1", "/", "~0", "~")

func step(doc json.RawMessage, token string) (json.RawMessage, bool) {
	if bytes.HasPrefix(bytes.TrimLeft(doc, " \t\r\n"), []byte("[")) {
		var list []json.RawMessage
		i, err := strconv.Atoi(token)
		if err != nil || json.Unmarshal(doc, &list) != nil || i < 0 || i >= len(list) || strconv.Itoa(i) != token {
			return nil, false
		}
		return list[i], true
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(doc, &object) != nil {
		return nil, false
	}
	v, ok := object[token]
	return v, ok
}
