package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxDepth is far deeper than any document that is right.
const maxDepth = 32

// scan is one reading of a whole document, for what decoding does not tell.
type scan struct {
	d   *json.Decoder
	at  map[string]int64 // at which byte a field's name or value ends or begins; nil when nobody asks
	bad *FieldErrors
}

// scanDocument notes the keys that repeat in an object, and where each field stands. Its own error says that the document is
// not one JSON value.
func scanDocument(b []byte, at map[string]int64, bad *FieldErrors) error {
	s := scan{json.NewDecoder(bytes.NewReader(b)), at, bad}
	s.d.UseNumber()
	if err := s.value("", 0); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("it ends too early")
		}
		return err
	}
	if _, err := s.d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("there is more after the object, at byte %d", s.d.InputOffset())
	}
	return nil
}

func (s scan) value(path string, depth int) error {
	token, err := s.d.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth++; depth > maxDepth {
		return fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	}
	seen := map[string]bool{}
	for i := 0; s.d.More(); i++ {
		inner := fmt.Sprintf("%s[%d]", path, i)
		if open == '{' {
			if inner, err = s.key(path, seen); err != nil {
				return err
			}
		}
		if s.at != nil {
			s.at[inner] = s.d.InputOffset()
		}
		if err := s.value(inner, depth); err != nil {
			return err
		}
	}
	_, err = s.d.Token() // the closing one
	return err
}

func (s scan) key(path string, seen map[string]bool) (string, error) {
	token, err := s.d.Token()
	if err != nil {
		return "", err
	}
	key, _ := token.(string)
	field := join(path, key)
	if seen[key] {
		s.bad.add(field, "is given twice")
	}
	seen[key] = true
	return field, nil
}
