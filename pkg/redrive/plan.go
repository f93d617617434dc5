package redrive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
)

// clockMargin covers clocks of ingress and server that are apart: a message may be stored before it says it was received.
const clockMargin = time.Minute

// maxWaiting bounds how much of the backlog is read. What is beyond and sent again does no harm.
const maxWaiting = 20000

// ErrReason says that what failed for a reason is never redriven.
var ErrReason = errors.New("not redriven")

// Query says what to redrive.
type Query struct {
	Webhook string
	Parked  bool         // what was parked instead of what was rejected
	Reason  event.Reason // the latest outcome's; empty for every one that may be redriven
	Since   time.Time    // received at that time or later
	// BeyondReplayMemory also sends what was received longer ago than replay keys are remembered. A copy of it that was
	// verified under another id may have been forgotten; then it is verified a second time.
	BeyondReplayMemory bool
}

// Check reports a reason that is never redriven, or is none of the stream's. The error is ErrReason.
func (q Query) Check() error {
	may := Reasons(q.Parked)
	if q.Reason == "" || slices.Contains(may, q.Reason) {
		return nil
	}
	if q.Reason == event.ReplayDetected || q.Reason == event.ReplayTooOld {
		return fmt.Errorf("%w: %s: it may have been verified already", ErrReason, q.Reason)
	}
	return fmt.Errorf("%w: %.64q is none of %q", ErrReason, q.Reason, may)
}

// Reasons lists the reasons for which a request may be redriven.
func Reasons(parked bool) []event.Reason {
	all := event.Reasons()
	if parked {
		all = event.ParkReasons()
	}
	return slices.DeleteFunc(all, func(r event.Reason) bool { return r == event.ReplayDetected || r == event.ReplayTooOld })
}

// Item is one request that a plan sends.
type Item struct {
	ID         string
	ReceivedAt time.Time
	Attempt    int // the next one
	Reason     event.Reason
	Detail     string

	outcome      // where the latest one is
	matched bool // that or an earlier one is what the query asks for
}

type outcome struct {
	stream   string
	sequence uint64
	stored   time.Time
}

// Skipped counts what matches a query and is not sent.
type Skipped struct {
	Verified   int `json:"verified"`   // verified meanwhile
	Waiting    int `json:"waiting"`    // the next attempt waits for a verifier
	Superseded int `json:"superseded"` // a later attempt has another outcome
	TooOld     int `json:"tooOld"`     // received longer ago than replay keys are remembered
	Unreadable int `json:"unreadable"` // parked, without a readable id or time
}

// Plan is what a query means by what the streams hold.
type Plan struct {
	Items   []Item // in the order in which they were received
	Skipped Skipped
	// Memory is how long replay keys of the webhook are remembered; 0 for ever.
	Memory time.Duration

	query    Query
	verified time.Time // when VERIFIED was last looked at
}

// NewPlan finds what to redrive. It reads headers only, and changes nothing.
func NewPlan(ctx context.Context, b *bus.Bus, q Query) (*Plan, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	p := &Plan{query: q}
	latest, err := p.latest(ctx, b)
	if err != nil {
		return nil, err
	}
	p.choose(latest)
	if err := p.dropVerified(ctx, b, q.Since.Add(-clockMargin)); err != nil {
		return nil, err
	}
	if err := p.dropWaiting(ctx, b); err != nil {
		return nil, err
	}
	return p, p.dropOld(ctx, b, time.Now())
}

// latest finds the latest attempt of each request in REJECTED and PARKED that may matter.
func (p *Plan) latest(ctx context.Context, b *bus.Bus) (map[string]Item, error) {
	found := map[string]Item{}
	for _, from := range []struct {
		stream, root string
		parked       bool
	}{{bus.StreamRejected, event.Rejected, false}, {bus.StreamParked, event.Parked, true}} {
		o := bus.ScanOptions{Subject: event.Subject(from.root, p.query.Webhook), Since: p.query.Since.Add(-clockMargin), HeadersOnly: true}
		err := b.Scan(ctx, from.stream, o, func(s bus.Stored) error {
			it, err := item(from.stream, s)
			if err != nil {
				if from.parked == p.query.Parked {
					p.Skipped.Unreadable++
				}
				return nil
			}
			have, known := found[it.ID]
			it.matched = have.matched || p.matches(it)
			have.matched = it.matched
			if known && (have.Attempt > it.Attempt || have.Attempt == it.Attempt && have.stored.After(it.stored)) {
				found[it.ID] = have
				return nil
			}
			// A first attempt that does not match can only matter through a later one, which is read after it.
			if known || it.Attempt > 1 || it.matched {
				found[it.ID] = it
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", from.stream, err)
		}
	}
	return found, nil
}

// item reads an outcome's headers.
func item(stream string, s bus.Stored) (Item, error) {
	_, webhook, _ := strings.Cut(s.Subject, ".")
	s.Subject = event.Subject(event.Unverified, webhook)
	r, err := event.Decode(message(s))
	if err != nil {
		return Item{}, err
	}
	return Item{ID: r.ID, ReceivedAt: r.ReceivedAt, Attempt: r.Attempt + 1, Reason: event.Reason(s.Header.Get(event.HeaderReason)),
		Detail: s.Header.Get(event.HeaderDetail), outcome: outcome{stream, s.Sequence, s.Time}}, nil
}

// matches reports whether the query asks for an outcome, whatever its time.
func (p *Plan) matches(it Item) bool {
	return (it.stream == bus.StreamParked) == p.query.Parked &&
		(it.Reason == p.query.Reason || p.query.Reason == "" && slices.Contains(Reasons(p.query.Parked), it.Reason))
}

// choose takes what matches.
func (p *Plan) choose(latest map[string]Item) {
	for _, it := range latest {
		switch {
		case it.ReceivedAt.Before(p.query.Since):
		case p.matches(it):
			p.Items = append(p.Items, it)
		case it.matched:
			p.Skipped.Superseded++
		}
	}
	slices.SortFunc(p.Items, func(a, b Item) int { return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), cmp.Compare(a.ID, b.ID)) })
}

// dropVerified drops what VERIFIED holds from a time on.
func (p *Plan) dropVerified(ctx context.Context, b *bus.Bus, from time.Time) error {
	if len(p.Items) == 0 {
		return nil
	}
	at, ids := time.Now(), p.ids()
	o := bus.ScanOptions{Subject: event.Subject(event.Verified, p.query.Webhook), Since: from, HeadersOnly: true}
	err := b.Scan(ctx, bus.StreamVerified, o, func(s bus.Stored) error {
		delete(ids, s.Header.Get(event.HeaderID))
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", bus.StreamVerified, err)
	}
	p.verified = at
	p.Skipped.Verified += p.keep(func(it Item) bool { return ids[it.ID] })
	return nil
}

// dropWaiting drops what is in UNVERIFIED.
func (p *Plan) dropWaiting(ctx context.Context, b *bus.Bus) error {
	if len(p.Items) == 0 {
		return nil
	}
	waiting := map[string]bool{}
	err := Waiting(ctx, b, p.query.Webhook, func(s bus.Stored) bool {
		waiting[s.Header.Get(event.HeaderID)] = true
		return true
	})
	p.Skipped.Waiting += p.keep(func(it Item) bool { return !waiting[it.ID] })
	return err
}

// Waiting calls fn with the messages of a webhook that wait for a verifier, up to 20,000, until it returns false.
func Waiting(ctx context.Context, b *bus.Bus, webhook string, fn func(bus.Stored) bool) error {
	sequence := uint64(1)
	for range maxWaiting {
		s, err := b.Next(ctx, bus.StreamUnverified, event.Subject(event.Unverified, webhook), sequence)
		if errors.Is(err, bus.ErrNotFound) || err == nil && !fn(s) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", bus.StreamUnverified, err)
		}
		sequence = s.Sequence + 1
	}
	return nil
}

// dropOld drops what is beyond the replay memory, unless the query asks for it.
func (p *Plan) dropOld(ctx context.Context, b *bus.Bus, now time.Time) error {
	var err error
	if p.Memory, err = memory(ctx, b, p.query.Webhook); err != nil || p.Memory == 0 || p.query.BeyondReplayMemory {
		return err
	}
	oldest := now.Add(memoryMargin - p.Memory)
	p.Skipped.TooOld += p.keep(func(it Item) bool { return it.ReceivedAt.After(oldest) })
	return nil
}

func (p *Plan) ids() map[string]bool {
	ids := make(map[string]bool, len(p.Items))
	for _, it := range p.Items {
		ids[it.ID] = true
	}
	return ids
}

// keep drops the items that are not wanted and returns how many.
func (p *Plan) keep(wanted func(Item) bool) (dropped int) {
	before := len(p.Items)
	p.Items = slices.DeleteFunc(p.Items, func(it Item) bool { return !wanted(it) })
	return before - len(p.Items)
}
