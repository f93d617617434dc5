package jsonpointer_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/jsonpointer"
)

// TestString looks strings up, after the examples of RFC 6901, section 5.
func TestString(t *testing.T) {
	const doc = `{"foo":["bar","baz"],"":"empty","a/b":"slash","m~n":"tilde","~1":"both","n":1,"o":{"p":"deep"},"null":null,"twice":"first","twice":"last"}`
	for _, c := range []struct {
		doc, pointer, want string
		found              bool
	}{
		{doc, "/foo/0", "bar", true},
		{doc, "/foo/1", "baz", true},
		{doc, "/", "empty", true},
		{doc, "/a~1b", "slash", true},
		{doc, "/m~0n", "tilde", true},
		{doc, "/~01", "both", true},
		{doc, "/o/p", "deep", true},
		{doc, "/twice", "last", true},
		{doc, "", "", false},
		{doc, "foo", "", false},
		{doc, "/foo", "", false},
		{doc, "/foo/2", "", false},
		{doc, "/foo/-", "", false},
		{doc, "/foo/-1", "", false},
		{doc, "/foo/00", "", false},
		{doc, "/foo/+1", "", false},
		{doc, "/n", "", false},
		{doc, "/null", "", false},
		{doc, "/o", "", false},
		{doc, "/absent", "", false},
		{doc, "/n/x", "", false},
		{`["a"]`, "/0", "a", true},
		{strings.Repeat(" ", 40) + `["a"]`, "/0", "a", true},
		{"\t\r\n" + `{"a":"b"}`, "/a", "b", true},
		{`"text"`, "/0", "", false},
		{`{"a":"b"`, "/a", "", false},
		{`{"a":"b"} x`, "/a", "", false},
		{``, "/a", "", false},
		{`{"a":"\ud83d\ude00\n"}`, "/a", "😀\n", true},
	} {
		got, found := jsonpointer.String([]byte(c.doc), c.pointer)
		if got != c.want || found != c.found {
			t.Errorf("String(%.60s, %q) = %q, %v; want %q, %v", c.doc, c.pointer, got, found, c.want, c.found)
		}
	}
}

func TestCheck(t *testing.T) {
	for pointer, ok := range map[string]bool{"": true, "/": true, "/a/b": true, "a": false, strings.Repeat("/a", 16): true, strings.Repeat("/a", 17): false} {
		if err := jsonpointer.Check(pointer); (err == nil) != ok {
			t.Errorf("Check(%q) = %v", pointer, err)
		}
	}
}

// FuzzString compares with a look-up in the document decoded whole.
func FuzzString(f *testing.F) {
	f.Add([]byte(`{"channel":{"time":"2025-06-10T21:03:05.427Z"}}`), "/channel/time")
	f.Add([]byte(`[["x"]]`), "/0/0")
	f.Add([]byte(`{"a~b":"c"}`), "/a~0b")
	f.Fuzz(func(t *testing.T, doc []byte, pointer string) {
		if jsonpointer.Check(pointer) != nil || pointer == "" {
			return
		}
		got, found := jsonpointer.String(doc, pointer)
		want, is := naive(doc, pointer)
		if got != want || found != is {
			t.Errorf("String(%q, %q) = %q, %v; want %q, %v", doc, pointer, got, found, want, is)
		}
	})
}

func naive(doc []byte, pointer string) (string, bool) {
	var at any
	if json.Unmarshal(doc, &at) != nil {
		return "", false
	}
	for _, token := range strings.Split(pointer[1:], "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch v := at.(type) {
		case map[string]any:
			var ok bool
			if at, ok = v[token]; !ok {
				return "", false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) || strconv.Itoa(i) != token {
				return "", false
			}
			at = v[i]
		default:
			return "", false
		}
	}
	s, ok := at.(string)
	return s, ok
}
