package audit

import (
	"testing"
	"time"
)

// FuzzParseQuery looks for a query that is accepted and whose next page would not be.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"", "limit=5", "since=1h&webhook=w&reason=PANIC", "cursor=MSAwIDEgMSAx", "since=2026-01-31T08:00:00Z", "a=%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw, time.Unix(1_800_000_000, 0))
		if err != nil {
			return
		}
		next := q.next(q.from)
		again, err := parseQuery(next[len(logPath)+1:], time.Unix(1_900_000_000, 0))
		if err != nil {
			t.Fatalf("next = %q: %v", next, err)
		}
		q.from.resume = true
		if !q.from.since.IsZero() {
			q.from.since, again.from.since = time.Unix(0, q.from.since.UnixNano()), time.Unix(0, again.from.since.UnixNano())
		}
		if again != q {
			t.Errorf("next page of %+v = %+v", q, again)
		}
	})
}
