package explain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/check"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/redrive"
	"github.com/hookproof/hookproof/pkg/telemetry"
)

// clockMargin covers clocks of ingress and server that are apart.
const clockMargin = 5 * time.Minute

// Errors that callers branch on.
var (
	// ErrID says that a text cannot be the id of a request.
	ErrID = errors.New("not the id of a request")
	// ErrUnknown says that no stream holds anything of the request.
	ErrUnknown = errors.New("nothing is known of it")
)

// Options narrow and decorate what is told.
type Options struct {
	Webhook string // look only at this webhook's messages; empty for all
	Jaeger  string // URL of the Jaeger UI, for links to traces; may be empty
}

// Check reports what cannot be the id of a request. The error is ErrID.
func Check(id string) error {
	if u, err := uuid.Parse(id); err != nil || u.Version() != 7 || len(id) != 36 {
		return fmt.Errorf("%w: %.64q", ErrID, id)
	}
	return nil
}

// Request tells the life of the request with that id. Errors are ErrID, ErrUnknown or the bus's own.
func Request(ctx context.Context, b *bus.Bus, id string, o Options) (*Life, error) {
	if err := Check(id); err != nil {
		return nil, err
	}
	u := uuid.MustParse(id)
	e := explainer{bus: b, life: Life{ID: u.String()}, options: o, webhook: cmp.Or(o.Webhook, "*")}
	e.since = time.Unix(u.Time().UnixTime()).Add(-clockMargin)
	for _, from := range []struct{ stream, root, state string }{
		{bus.StreamVerified, event.Verified, Verified}, {bus.StreamRejected, event.Rejected, Blocked}, {bus.StreamParked, event.Parked, Parked}} {
		if err := e.scan(ctx, from.stream, from.root, from.state); err != nil {
			return nil, fmt.Errorf("%s: %w", from.stream, err)
		}
	}
	if err := e.waiting(ctx); err != nil {
		return nil, err
	}
	if len(e.life.Attempts) == 0 {
		return nil, fmt.Errorf("%s: %w: it was never captured here, its outcome is older than the streams keep, or it waits behind a long backlog", e.life.ID, ErrUnknown)
	}
	slices.SortStableFunc(e.life.Attempts, func(a, b Attempt) int { return cmp.Or(cmp.Compare(a.Attempt, b.Attempt), a.At.Compare(b.At)) })
	e.life.State = e.life.Attempts[len(e.life.Attempts)-1].State
	return &e.life, nil
}

type explainer struct {
	bus     *bus.Bus
	options Options
	webhook string // a subject's token
	since   time.Time
	life    Life
}

// scan collects the outcomes that a stream holds. VERIFIED holds one at most.
func (e *explainer) scan(ctx context.Context, stream, root, state string) error {
	found := errors.New("found")
	o := bus.ScanOptions{Subject: event.Subject(root, e.webhook), Since: e.since, HeadersOnly: true}
	err := e.bus.Scan(ctx, stream, o, func(s bus.Stored) error {
		if s.Header.Get(event.HeaderID) != e.life.ID {
			return nil
		}
		if err := e.add(ctx, stream, state, s); err != nil {
			return err
		}
		if stream == bus.StreamVerified {
			return found
		}
		return nil
	})
	if errors.Is(err, found) {
		return nil
	}
	return err
}

// waiting looks for the request in the backlog. A message whose outcome was found is only not acknowledged yet.
func (e *explainer) waiting(ctx context.Context) error {
	var failed error
	err := redrive.Waiting(ctx, e.bus, e.webhook, func(s bus.Stored) bool {
		if s.Header.Get(event.HeaderID) == e.life.ID && !e.judged(attempt(s)) {
			failed = e.add(ctx, bus.StreamUnverified, Waiting, s)
		}
		return failed == nil
	})
	return errors.Join(err, failed)
}

func (e *explainer) judged(attempt int) bool {
	return slices.ContainsFunc(e.life.Attempts, func(a Attempt) bool { return a.Attempt == attempt })
}

// add reads a message's headers. Those that are not hookproof's own are left alone.
func (e *explainer) add(ctx context.Context, stream, state string, s bus.Stored) error {
	h := s.Header
	_, webhook, _ := strings.Cut(s.Subject, ".")
	if len(e.life.Attempts) == 0 {
		e.received(webhook, h)
	}
	a := Attempt{Attempt: attempt(s), RedrivenBy: h.Get(event.HeaderRedrivenBy), State: state, At: s.Time.UTC(), Subject: s.Subject, Stream: stream, Sequence: s.Sequence,
		Reason: h.Get(event.HeaderReason), Detail: telemetry.Clip(h.Get(event.HeaderDetail)), Verifier: h.Get(event.HeaderVerifier),
		PossibleDuplicate: h.Get(event.HeaderPossibleDuplicate) == "true", TraceID: telemetry.TraceID(telemetry.Extract(ctx, h))}
	if e.options.Jaeger != "" && a.TraceID != "" {
		a.TraceURL = strings.TrimSuffix(e.options.Jaeger, "/") + "/trace/" + url.PathEscape(a.TraceID)
	}
	a.PolicyRevision, _ = strconv.ParseUint(h.Get(event.HeaderPolicyRevision), 10, 64) // 0 where there is none
	if state == Verified || state == Blocked {
		if err := e.checks(ctx, webhook, &a); err != nil {
			return err
		}
	}
	e.life.Attempts = append(e.life.Attempts, a)
	return nil
}

func (e *explainer) received(webhook string, h nats.Header) {
	path, _, _ := strings.Cut(h.Get(event.HeaderPath), "?") // a query may hold what only the sender should know
	e.life.Webhook, e.life.Path = webhook, telemetry.Clip(path)
	e.life.ClientAddress, e.life.Peer = telemetry.Clip(h.Get(event.HeaderClientIP)), telemetry.Clip(h.Get(event.HeaderRemoteAddr))
	e.life.ReceivedAt, _ = time.Parse(time.RFC3339Nano, h.Get(event.HeaderReceivedAt)) // zero where a parked message has none
}

// checks lists what the verdict says of each check, by the policy as it was at that revision.
func (e *explainer) checks(ctx context.Context, webhook string, a *Attempt) error {
	if a.PolicyRevision == 0 {
		a.Checks = check.List(nil, event.Reason(a.Reason))
		return nil
	}
	entry, err := e.bus.Revision(ctx, bus.BucketPolicies, webhook, a.PolicyRevision)
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return err
	}
	var p policy.Policy
	if err != nil || json.Unmarshal(entry.Value, &p) != nil {
		a.PolicyForgotten = true
		return nil
	}
	a.Checks = check.List(&p, event.Reason(a.Reason))
	return nil
}

func attempt(s bus.Stored) int {
	n, _ := strconv.Atoi(s.Header.Get(event.HeaderAttempt)) // 0 on the first passage
	return n
}
