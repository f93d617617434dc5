package genesys

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"time"
)

// Bounds of a listing: pageSize entries are asked for at a time, and maxPages end it against a server that never does.
const (
	pageSize = 100
	maxPages = 1000
)

// fetch sends a call and decodes its answer, which must be complete.
func fetch[T any](ctx context.Context, c *Client, k call, complete func(T) bool) (T, error) {
	var out T
	k.decode = func(b []byte) error {
		var v T // a fresh one for each attempt
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		if !complete(v) {
			return errors.New("incomplete")
		}
		out = v
		return nil
	}
	err := c.do(ctx, k)
	return out, err
}

// page is the envelope of every listing of the API.
type page[T any] struct {
	Entities   *[]T   `json:"entities"`
	PageNumber int    `json:"pageNumber"`
	PageCount  int    `json:"pageCount"`
	Total      int    `json:"total"`
	NextURI    string `json:"nextUri"`
}

// complete tells an empty page from an answer that is no page: taken for an empty one, it would make a caller create a
// webhook that is already there.
func (p page[T]) complete() bool { return p.Entities != nil }

// last reports whether no page follows. nextUri is only looked at, never followed: it could lead anywhere.
func (p page[T]) last(number int) bool {
	return len(*p.Entities) == 0 || number >= p.PageCount && (p.PageCount > 0 || p.NextURI == "")
}

// list reads every page. Entities may come and go meanwhile: one that is seen twice counts once, and where fewer came than
// the last page announced, the list is an error, because one that is missing would be created again.
func list[T any](ctx context.Context, c *Client, op operation, id func(T) string) ([]T, error) {
	var all []T
	seen := map[string]bool{}
	for number := 1; number <= maxPages; number++ {
		query := url.Values{"pageSize": {strconv.Itoa(pageSize)}, "pageNumber": {strconv.Itoa(number)}}
		p, err := fetch(ctx, c, call{operation: op, query: query}, page[T].complete)
		if err != nil {
			return nil, err
		}
		for _, v := range *p.Entities {
			if !seen[id(v)] {
				seen[id(v)] = true
				all = append(all, v)
			}
		}
		if !p.last(number) {
			continue
		}
		if len(all) < p.Total {
			return nil, listError(op, malformed("the list has %d entries of %d, it changed while it was read", len(all), p.Total))
		}
		return all, nil
	}
	return nil, listError(op, malformed("the list has more than %d pages", maxPages))
}

func listError(op operation, cause error) *Error {
	return &Error{Op: op.name, permission: op.permission, repeatable: true, cause: cause}
}

// Timestamp is a time that Genesys Cloud tells for information. One that cannot be read is zero rather than a reason to
// refuse the answer around it.
type Timestamp struct{ time.Time }

// UnmarshalJSON reads RFC 3339 and never fails.
func (t *Timestamp) UnmarshalJSON(b []byte) error {
	parsed, err := time.Parse(time.RFC3339, string(bytes.Trim(b, `"`)))
	if err != nil {
		parsed = time.Time{}
	}
	t.Time = parsed
	return nil
}
