package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
)

const (
	logPath      = "/webhooks/audit/log"
	defaultLimit = 50
	maxLimit     = 1000
)

// query is what a reader asked for.
type query struct {
	webhook string // empty for all
	reason  event.Reason
	limit   int
	from    position
}

// position is where a page begins: the newest sequence of each stream to look at, 0 where nothing is left.
type position struct {
	since    time.Time // nothing older; the zero time for no bound
	resume   bool      // false on a first page, which begins at the newest
	verified uint64
	rejected uint64
	parked   uint64
}

// parameterError names a parameter that is wrong.
type parameterError struct{ name, problem string }

func (e parameterError) Error() string { return e.name + ": " + e.problem }

// parseQuery reads the parameters of a request for entries. Errors are parameterErrors.
func parseQuery(raw string, now time.Time) (query, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query{}, parameterError{"query", "it is not a query of name=value pairs"}
	}
	q := query{limit: defaultLimit}
	parse := map[string]func(string) error{
		"since":   func(v string) (err error) { q.from.since, err = parseFrom(v, now); return err },
		"webhook": func(v string) (err error) { q.webhook, err = v, checkWebhook(v); return err },
		"reason":  func(v string) (err error) { q.reason, err = event.Reason(v), checkReason(v); return err },
		"limit":   func(v string) (err error) { q.limit, err = parseLimit(v); return err },
		"cursor":  func(string) error { return nil },
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		read, known := parse[name]
		switch {
		case !known:
			return query{}, parameterError{clip(name), "there is no such parameter; there are since, webhook, reason, limit and cursor"}
		case len(values[name]) > 1:
			return query{}, parameterError{name, "it is given more than once"}
		}
		if err := read(values[name][0]); err != nil {
			return query{}, parameterError{name, err.Error()}
		}
	}
	if text := values.Get("cursor"); values.Has("cursor") { // last, because its since is the one that was resolved first
		if q.from, err = parseCursor(text); err != nil {
			return query{}, parameterError{"cursor", err.Error()}
		}
	}
	return q, nil
}

func parseFrom(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil && t.Year() > 1970 && t.Year() < 2262 { // what a cursor can hold
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%.32q is neither a positive duration such as 90m nor a time such as 2026-01-31T08:00:00Z", text)
}

func checkWebhook(text string) error {
	if !event.ValidWebhook(text) {
		return fmt.Errorf("%.80q cannot be the name of a webhook", text)
	}
	return nil
}

func checkReason(text string) error {
	known := slices.Concat(event.Reasons(), event.ParkReasons())
	if !slices.Contains(known, event.Reason(text)) {
		return fmt.Errorf("%.64q is none of %q", text, known)
	}
	return nil
}

func parseLimit(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, fmt.Errorf("%.32q is not a number from 1 to %d", text, maxLimit)
	}
	return n, nil
}

func clip(s string) string { return fmt.Sprintf("%.32s", s) }

var errCursor = errors.New(`it is not one that a page's "next" named`)

const cursorVersion = "1"

// cursor writes a position as an opaque word.
func (p position) cursor() string {
	since := int64(0)
	if !p.since.IsZero() {
		since = p.since.UnixNano()
	}
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s %d %d %d %d", cursorVersion, since, p.verified, p.rejected, p.parked))
}

// parseCursor reads what cursor wrote.
func parseCursor(text string) (position, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	fields := strings.Split(string(raw), " ")
	if err != nil || len(fields) != 5 || fields[0] != cursorVersion {
		return position{}, errCursor
	}
	p := position{resume: true}
	since, err := strconv.ParseInt(fields[1], 10, 64)
	if since != 0 {
		p.since = time.Unix(0, since)
	}
	errs := []error{err}
	for i, n := range []*uint64{&p.verified, &p.rejected, &p.parked} {
		*n, err = strconv.ParseUint(fields[2+i], 10, 64)
		errs = append(errs, err)
	}
	if errors.Join(errs...) != nil {
		return position{}, errCursor
	}
	return p, nil
}

// sources lists the streams that can hold what is asked for, with the part of the position that is theirs.
func (q *query) sources() []source {
	all := []source{
		{bus.StreamVerified, event.Verified, &q.from.verified},
		{bus.StreamRejected, event.Rejected, &q.from.rejected},
		{bus.StreamParked, event.Parked, &q.from.parked},
	}
	switch {
	case q.reason == "":
		return all
	case slices.Contains(event.Reasons(), q.reason):
		return all[1:2]
	}
	return all[2:]
}

// source is a stream, the root of its subjects, and the newest sequence of it that is still to be looked at.
type source struct {
	stream, root string
	next         *uint64
}

// next returns the address of the page that begins at p.
func (q query) next(p position) string {
	v := url.Values{"cursor": {p.cursor()}, "limit": {strconv.Itoa(q.limit)}}
	if q.webhook != "" {
		v.Set("webhook", q.webhook)
	}
	if q.reason != "" {
		v.Set("reason", string(q.reason))
	}
	return logPath + "?" + v.Encode()
}
