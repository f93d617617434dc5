// Package jsonpointer reads one string out of a JSON document by a JSON pointer (RFC 6901). It looks the string up in
// the bytes, without decoding anything else, because it runs for each event.
package jsonpointer

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
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
	if pointer == "" || pointer[0] != '/' || !json.Valid(doc) {
		return "", false
	}
	at := skipSpace(doc)
	for token := range strings.SplitSeq(pointer[1:], "/") {
		if strings.Contains(token, "~") { // a Replacer copies whether or not it finds anything
			token = unescape.Replace(token)
		}
		if at = step(at, token); at == nil {
			return "", false
		}
	}
	if at[0] != '"' {
		return "", false
	}
	return unquote(at[:end(at)]), true
}

// unescape undoes the two escapes; a Replacer goes from left to right, so ~01 becomes ~1.
var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// step returns what a token names in the object or array that doc begins with, with what follows it, or nil. Everything
// below relies on doc being valid.
func step(doc []byte, token string) (found []byte) {
	list := doc[0] == '['
	if !list && doc[0] != '{' {
		return nil
	}
	for doc, n := skipSpace(doc[1:]), 0; doc[0] != ']' && doc[0] != '}'; n++ {
		named := false
		if list {
			named = strconv.Itoa(n) == token
		} else {
			key := end(doc)
			named = is(doc[:key], token)
			doc = skipSpace(skipSpace(doc[key:])[1:]) // the colon
		}
		if named {
			found = doc
		}
		if doc = skipSpace(doc[end(doc):]); doc[0] == ',' {
			doc = skipSpace(doc[1:])
		}
	}
	return found
}

// end returns how long the value is that doc begins with.
func end(doc []byte) int {
	depth := 0
	for i := 0; i < len(doc); i++ {
		switch doc[i] {
		case '"':
			for i++; doc[i] != '"'; i++ {
				if doc[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth <= 1 {
				return i + depth // the bracket is not part of a number or word before it
			}
			depth--
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(doc)
}

func skipSpace(doc []byte) []byte { return bytes.TrimLeft(doc, " \t\r\n") }

// is reports whether a quoted text stands for s.
func is(quoted []byte, s string) bool {
	if plain(quoted) {
		return string(quoted[1:len(quoted)-1]) == s
	}
	return unquote(quoted) == s
}

// unquote returns the text that a quoted one stands for, as encoding/json does.
func unquote(quoted []byte) (s string) {
	if plain(quoted) {
		return string(quoted[1 : len(quoted)-1])
	}
	_ = json.Unmarshal(quoted, &s) // it is valid
	return s
}

// plain reports whether a quoted text stands for itself.
func plain(quoted []byte) bool { return bytes.IndexByte(quoted, '\\') < 0 && utf8.Valid(quoted) }
