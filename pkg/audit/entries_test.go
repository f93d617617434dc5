package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
)

// desk is the audit endpoints over a real server, and what was stored there, oldest first.
type desk struct {
	t      *testing.T
	bus    *bus.Bus
	url    string
	stored []string // ids
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	b, _ := bustest.New(t, bus.Topology{})
	s := admin.New(nil, bustest.Log(t))
	audit.New(b, policy.NewStore(b, secret.Resolver{}, bustest.Log(t)), bustest.Log(t)).Mount(s)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return &desk{t: t, bus: b, url: srv.URL}
}

const traceID = "0af7651916cd43dd8448eb211c80319c"

// store stores an outcome: verified without a reason, else rejected or parked.
func (d *desk) store(webhook string, reason event.Reason) {
	d.t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	r := &event.Request{ID: id, Webhook: webhook, ReceivedAt: time.Now(), ClientIP: netip.MustParseAddr("192.0.2.7"), Body: []byte("the body"),
		Header: event.CaptureHeader(http.Header{"X-Secret-Header": {"its value"}}, "")}
	unverified := event.Encode(r)
	unverified.Header["traceparent"] = []string{"00-" + traceID + "-b7ad6b7169203331-01"}
	j := event.Judgement{Verdict: event.Verdict{Reason: reason}, PolicyRevision: 3, Verifier: "v1"}
	m := event.VerifiedMsg(r, j)
	switch {
	case reason == event.Panicked:
		m = event.ParkedMsg(unverified, uint64(len(d.stored)+1), "v1", j.Verdict)
	case reason != "":
		m = event.RejectedMsg(r, j)
	}
	if _, err := d.bus.Publish(context.Background(), m); err != nil {
		d.t.Fatal(err)
	}
	d.stored = append(d.stored, id)
}

// page reads one page.
func (d *desk) page(address string) audit.Page {
	d.t.Helper()
	res, err := http.Get(d.url + address)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	var p audit.Page
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil || res.StatusCode != http.StatusOK {
		d.t.Fatalf("GET %s = %d, %v", address, res.StatusCode, err)
	}
	return p
}

// all follows the pages from an address to the last and returns the ids; between is called after each page.
func (d *desk) all(address string, between func()) (ids []string) {
	d.t.Helper()
	for address != "" {
		p := d.page(address)
		for _, e := range p.Entries {
			ids = append(ids, e.ID)
		}
		if address = p.Next; between != nil {
			between()
		}
	}
	return ids
}

func reversed(ids []string) []string {
	out := make([]string, 0, len(ids))
	for i := range ids {
		out = append(out, ids[len(ids)-1-i])
	}
	return out
}

// TestEntriesPages reads outcomes of all three streams page by page while new ones arrive: each that was there at the
// first page once, newest first, and none of the new.
func TestEntriesPages(t *testing.T) {
	d := newDesk(t)
	for i := range 150 {
		d.store("w", []event.Reason{"", event.SignatureMismatch, "", event.ReplayDetected, event.Panicked}[i%5])
	}
	want := reversed(d.stored)
	for _, limit := range []int{1, 7, 50, 150, 1000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			got := d.all(fmt.Sprintf("/webhooks/audit/log?limit=%d", limit), func() {
				if limit == 7 {
					d.store("w", event.SignatureMismatch)
				}
			})
			if have := strings.Join(got[max(0, len(got)-150):], "\n"); len(got) < 150 || have != strings.Join(want, "\n") {
				t.Errorf("limit %d: %d entries, not the 150 of the first page's time in their order", limit, len(got))
			}
		})
	}
}

func TestEntriesFilters(t *testing.T) {
	d := newDesk(t)
	var rare, replays []string
	for i := range 1200 {
		webhook, reason := "busy", event.SignatureMismatch
		switch {
		case i%400 == 1:
			webhook = "rare"
		case i%300 == 2:
			reason = event.ReplayDetected
		}
		d.store(webhook, reason)
		if webhook == "rare" {
			rare = append(rare, d.stored[i])
		}
		if reason == event.ReplayDetected {
			replays = append(replays, d.stored[i])
		}
	}
	half := time.Now()
	d.store("busy", "")
	for name, c := range map[string]struct {
		query string
		want  []string
	}{
		"a rare webhook":                {"webhook=rare", rare},
		"a rare reason":                 {"reason=REPLAY_ATTACK_DETECTED&limit=2", replays},
		"both":                          {"webhook=rare&reason=REPLAY_ATTACK_DETECTED", nil},
		"a webhook that nobody knows":   {"webhook=nobody", nil},
		"a reason of parking":           {"reason=PANIC", nil},
		"since a time":                  {"since=" + url.QueryEscape(half.Format(time.RFC3339Nano)), d.stored[1200:]},
		"since a while, in more pages":  {"since=1h&reason=REPLAY_ATTACK_DETECTED&limit=1", replays},
		"since a time that is to come":  {"since=" + url.QueryEscape(half.Add(time.Hour).Format(time.RFC3339)), nil},
		"a while that is shorter still": {"since=1ns", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := d.all("/webhooks/audit/log?"+c.query, nil), reversed(c.want); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("ids = %q, want %q", got, want)
			}
		})
	}
}

// TestEntry holds one entry of each status against the outcome, and makes sure that no body or header is in the answer.
func TestEntry(t *testing.T) {
	d := newDesk(t)
	d.store("w", "")
	d.store("w", event.SignatureMismatch)
	d.store("w", event.Panicked)
	p := d.page("/webhooks/audit/log?limit=3")
	for i, want := range []struct{ status, reason, stream, trace string }{
		{"PARKED", "PANIC", "PARKED", traceID}, {"BLOCKED", "SIGNATURE_MISMATCH", "REJECTED", traceID}, {"VERIFIED", "", "VERIFIED", traceID},
	} {
		e := p.Entries[i]
		if e.Status != want.status || e.Reason != want.reason || e.Stream != want.stream || e.ID != d.stored[2-i] || e.SourceIP != "192.0.2.7" ||
			e.Verifier != "v1" || e.Webhook != "w" || e.Sequence != 1 || e.TraceID != want.trace || !e.Traced || e.Timestamp.IsZero() {
			t.Errorf("entry = %+v, want %+v", e, want)
		}
	}
	text, err := json.Marshal(p)
	if err != nil || strings.Contains(string(text), "body") || strings.Contains(string(text), "its value") {
		t.Errorf("the page shows what a sender sent: %s", text)
	}
}

func TestEntriesBadParameters(t *testing.T) {
	d := newDesk(t)
	for query, name := range map[string]string{
		"since=yesterday": "since", "since=-1h": "since", "since=": "since", "since=0001-01-01T00:00:00Z": "since", "webhook=a.b": "webhook", "webhook=": "webhook",
		"reason=NO_REASON": "reason", "limit=0": "limit", "limit=1001": "limit", "limit=ten": "limit", "cursor=": "cursor", "cursor=x": "cursor",
		"cursor=MSAwIDEgMSB4": "cursor", "limt=5": "limt", "limit=1&limit=2": "limit", "%zz": "query",
	} {
		t.Run(query, func(t *testing.T) {
			res, err := http.Get(d.url + "/webhooks/audit/log?" + query)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var answer struct{ Error, Message string }
			if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusBadRequest || answer.Error != name || answer.Message == "" {
				t.Errorf("answer = %d %+v, %v, want 400 naming %q", res.StatusCode, answer, err, name)
			}
		})
	}
}

// TestSummaryNamesEntries asks without parameters.
func TestSummaryNamesEntries(t *testing.T) {
	d := newDesk(t)
	res, err := http.Get(d.url + "/webhooks/audit/log")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var s audit.Summary
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil || s.ComplianceStandard == "" {
		t.Fatalf("summary = %+v, %v", s, err)
	}
	if p := d.page(s.Entries); len(p.Entries) != 0 || p.Next != "" {
		t.Errorf("page of nothing = %+v", p)
	}
}
