package redrive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
)

const (
	// publishTimeout bounds one publish.
	publishTimeout = 10 * time.Second
	// patience is how long an item is tried while the bus is away or changes its leader, and pause is between two tries.
	patience = time.Minute
	pause    = 500 * time.Millisecond
	// fullest is how full UNVERIFIED may be before a redrive stops: the rest is for the senders.
	fullest = 0.8
	// lookEvery is after how many messages that is looked at.
	lookEvery = 100
	// recheck is how old the look at VERIFIED may be. It is shorter than VERIFIED remembers message ids, so that nothing
	// that was verified meanwhile is sent once they are forgotten.
	recheck = 5 * time.Minute
)

// ErrBusy says that so much waits for the verifiers that a redrive would crowd the senders out.
var ErrBusy = errors.New("the backlog is too long")

// Result is what became of one item.
type Result string

// The results.
const (
	Sent      Result = "sent"
	Duplicate Result = "duplicate" // UNVERIFIED already knew this attempt and did not store it again
	Gone      Result = "gone"      // the stream no longer holds the outcome
)

// Options tune a Send.
type Options struct {
	Rate float64                 // messages a second; 0 or less for no limit
	By   string                  // who sends, for the record on each message
	Done func(it Item, r Result) // called after each item; nil is not
}

// Send publishes the items of a plan in their order. It waits for a bus that is away, and ends at any other error; what was
// sent by then stays sent, and a new plan leaves it out.
func (p *Plan) Send(ctx context.Context, b *bus.Bus, o Options) error {
	limit := rate.NewLimiter(rate.Inf, 1)
	if o.Rate > 0 {
		limit.SetLimit(rate.Limit(o.Rate))
	}
	for n := 0; len(p.Items) > 0; n++ {
		if n%lookEvery == 0 {
			if err := persist(ctx, func(bool) error { return roomIn(ctx, b) }); err != nil {
				return err
			}
		}
		if err := limit.Wait(ctx); err != nil {
			return err
		}
		if from := p.verified; time.Since(from) > recheck {
			if err := persist(ctx, func(bool) error { return p.dropVerified(ctx, b, from.Add(-clockMargin)) }); err != nil {
				return err
			}
			continue
		}
		it := p.Items[0]
		var r Result
		err := persist(ctx, func(again bool) (err error) {
			r, err = send(ctx, b, it, o.By)
			if again && r == Duplicate {
				r = Sent // by the try before, whose acknowledgement was lost
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", it.ID, err)
		}
		p.Items = p.Items[1:]
		if o.Done != nil {
			o.Done(it, r)
		}
	}
	return nil
}

func roomIn(ctx context.Context, b *bus.Bus) error {
	s, err := b.State(ctx, bus.StreamUnverified, "")
	if err == nil && s.Fill() > fullest {
		err = fmt.Errorf("%w: %s is %.0f%% full", ErrBusy, bus.StreamUnverified, 100*s.Fill())
	}
	return err
}

// persist does something, again while the bus is away.
func persist(ctx context.Context, do func(again bool) error) error {
	end := time.Now().Add(patience)
	for again := false; ; again = true {
		err := do(again)
		if !errors.Is(err, bus.ErrUnavailable) || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func send(ctx context.Context, b *bus.Bus, it Item, by string) (Result, error) {
	s, err := b.Message(ctx, it.stream, it.sequence)
	if errors.Is(err, bus.ErrNotFound) {
		return Gone, nil
	}
	if err != nil {
		return "", err
	}
	m, err := event.Redriven(message(s), it.Attempt, by)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	ack, err := b.Publish(ctx, m)
	switch {
	case err != nil:
		return "", err
	case ack.Duplicate:
		return Duplicate, nil
	}
	return Sent, nil
}

func message(s bus.Stored) *nats.Msg {
	return &nats.Msg{Subject: s.Subject, Header: s.Header, Data: s.Data}
}
