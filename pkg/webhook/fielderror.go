package webhook

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// FieldError is one field that is wrong.
type FieldError struct {
	Field   string `json:"field"`   // its path in the document, such as rateLimit.burstSize or allowlist[2]
	Problem string `json:"problem"` // what to do about it, without the field's value where that may be a secret
}

// Error returns the path and the problem.
func (e FieldError) Error() string { return e.Field + ": " + e.Problem }

// FieldErrors are all the fields that are wrong, sorted by their path.
type FieldErrors []FieldError

// Error returns all of them in one line.
func (e FieldErrors) Error() string {
	texts := make([]string, len(e))
	for i, f := range e {
		texts[i] = f.Error()
	}
	return strings.Join(texts, "; ")
}

// Merge returns the field errors of several errors as one, each path once with what came first: what a parser found beside
// what Check found. An error of another type, such as ErrSyntax, is returned as it is, since nothing else can be trusted
// then. Nil errors are left out; of none it returns nil.
func Merge(errs ...error) error {
	var all FieldErrors
	for _, err := range errs {
		if err == nil {
			continue
		}
		fields, ok := errors.AsType[FieldErrors](err)
		if !ok {
			return err
		}
		for _, f := range fields {
			if !all.has(f.Field) {
				all = append(all, f)
			}
		}
	}
	return all.err()
}

// has reports whether the field or one that it stands in is already known to be wrong.
func (e FieldErrors) has(field string) bool {
	return slices.ContainsFunc(e, func(f FieldError) bool {
		rest, ok := strings.CutPrefix(field, f.Field)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

func (e *FieldErrors) add(field, format string, args ...any) {
	*e = append(*e, FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
}

// err returns nil when nothing is wrong, so that a caller never holds a non-nil error without an entry.
func (e FieldErrors) err() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b FieldError) int { return cmp.Compare(a.Field, b.Field) })
	return e
}
