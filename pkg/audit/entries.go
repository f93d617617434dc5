package audit

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/telemetry"
)

const (
	// pageReads bounds how many messages a page reads, pageTime for how long: a rare reason is found over several pages.
	pageReads = 20000
	pageTime  = 5 * time.Second
)

// Page is the answer of /webhooks/audit/log with parameters.
type Page struct {
	Entries []Entry `json:"entries"`        // newest first
	Next    string  `json:"next,omitempty"` // address of the page after this one; absent on the last
}

// Entry is one outcome. It is what the stream says, so it is there for every request that was judged.
type Entry struct {
	Timestamp      time.Time `json:"timestamp"` // when the outcome was stored
	Status         string    `json:"status"`    // VERIFIED, BLOCKED or PARKED
	Webhook        string    `json:"webhook"`
	Reason         string    `json:"reason,omitempty"`
	Detail         string    `json:"detail,omitempty"`
	SourceIP       string    `json:"sourceIp,omitempty"`
	ID             string    `json:"id,omitempty"`
	ReceivedAt     string    `json:"receivedAt,omitempty"`
	TraceID        string    `json:"traceId,omitempty"`
	Traced         bool      `json:"traced"` // whether the trace was sampled, so that a trace store has it
	PolicyRevision uint64    `json:"policyRevision,omitempty"`
	Verifier       string    `json:"verifier,omitempty"`
	Attempt        int       `json:"attempt,omitempty"` // number of the redrive
	Stream         string    `json:"stream"`
	Sequence       uint64    `json:"sequence"` // in the stream
}

func (a *Audit) serveEntries(w http.ResponseWriter, r *http.Request) {
	q, err := parseQuery(r.URL.RawQuery, time.Now())
	if bad, is := errors.AsType[parameterError](err); is {
		admin.WriteJSON(w, http.StatusBadRequest, map[string]string{"error": bad.name, "message": bad.Error()})
		return
	}
	p, err := a.page(r.Context(), q)
	if err != nil {
		a.log.WarnContext(r.Context(), "audit entries", "error", err)
		admin.WriteJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "unavailable", "message": "the streams cannot be read now"})
		return
	}
	admin.WriteJSON(w, http.StatusOK, p)
}

// page reads one page: the newest of all streams first, until the limit, the end, or enough was read.
func (a *Audit) page(ctx context.Context, q query) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	sources := q.sources()
	walks := make([]*walk, len(sources))
	for i, s := range sources {
		var err error
		if walks[i], err = newWalk(ctx, a.bus, s, event.Subject(s.root, subjectToken(q.webhook)), q.from); err != nil {
			return Page{}, err
		}
	}
	p := Page{Entries: []Entry{}}
	for len(p.Entries) < q.limit && reads(walks) < pageReads {
		w, m, err := newestOf(ctx, walks)
		if err != nil && ctx.Err() != nil && reads(walks) > 0 {
			break // time is up; the next page goes on
		}
		if err != nil {
			return Page{}, err
		}
		if m == nil {
			return p, nil
		}
		if e := entry(w.stream, *m); q.reason == "" || e.Reason == string(q.reason) {
			p.Entries = append(p.Entries, e)
		}
		w.take()
	}
	q.from = position{since: q.from.since, resume: true}
	for i, s := range q.sources() {
		*s.next = walks[i].position()
	}
	if q.from.verified|q.from.rejected|q.from.parked != 0 {
		p.Next = q.next(q.from)
	}
	return p, nil
}

func subjectToken(webhook string) string {
	if webhook == "" {
		return "*"
	}
	return webhook
}

func reads(walks []*walk) (n int) {
	for _, w := range walks {
		n += w.read
	}
	return n
}

// newestOf returns the newest message of several walks and the walk that has it, nil when all have ended.
func newestOf(ctx context.Context, walks []*walk) (from *walk, newest *bus.Stored, err error) {
	for _, w := range walks {
		m, err := w.newest(ctx)
		if err != nil {
			return nil, nil, err
		}
		if m != nil && (newest == nil || m.Time.After(newest.Time)) {
			from, newest = w, m
		}
	}
	return from, newest, nil
}

// entry reads an outcome's headers. What they say was written by a verifier.
func entry(stream string, m bus.Stored) Entry {
	h := m.Header
	_, webhook, _ := strings.Cut(m.Subject, ".")
	e := Entry{Timestamp: m.Time.UTC(), Status: statuses[stream], Webhook: webhook, Stream: stream, Sequence: m.Sequence,
		Reason: h.Get(event.HeaderReason), Detail: telemetry.Clip(h.Get(event.HeaderDetail)), Verifier: h.Get(event.HeaderVerifier),
		ID: telemetry.Clip(h.Get(event.HeaderID)), ReceivedAt: telemetry.Clip(h.Get(event.HeaderReceivedAt))}
	if ip, err := netip.ParseAddr(h.Get(event.HeaderClientIP)); err == nil {
		e.SourceIP = ip.String()
	}
	e.PolicyRevision, _ = strconv.ParseUint(h.Get(event.HeaderPolicyRevision), 10, 64) // 0 where there is none
	e.Attempt, _ = strconv.Atoi(h.Get(event.HeaderAttempt))
	if sc := trace.SpanContextFromContext(telemetry.Extract(context.Background(), h)); sc.IsValid() {
		e.TraceID, e.Traced = sc.TraceID().String(), sc.IsSampled()
	}
	return e
}

// statuses are those of the verifiers' audit lines.
var statuses = map[string]string{bus.StreamVerified: "VERIFIED", bus.StreamRejected: "BLOCKED", bus.StreamParked: "PARKED"}
