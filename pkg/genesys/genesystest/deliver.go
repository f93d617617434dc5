package genesystest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// ErrInactive says that no event can be delivered: there is no such webhook, or it is disabled or not yet created.
var ErrInactive = errors.New("genesystest: no such webhook, or it sends no events")

// Delivery is what became of one event.
type Delivery struct {
	WebhookID, EventID string
	// Forgery is how the event was forged; empty for a genuine one.
	Forgery Forgery
	// Attempts are the statuses that the target answered with, in order; 0 is no answer in time.
	Attempts []int
	// Accepted says that the last of them was a 2xx.
	Accepted bool
}

// Deliver sends one genuine event of a webhook or integration, with its retry policy, and returns what became of it.
func (s *Simulator) Deliver(ctx context.Context, id string) (Delivery, error) {
	t, err := s.activeTarget(id)
	if err != nil {
		return Delivery{}, err
	}
	return s.deliver(ctx, t, s.event(t, time.Now())), nil
}

// DeliverBody is Deliver with a body of the caller's choice, signed as it is.
func (s *Simulator) DeliverBody(ctx context.Context, id string, body []byte) (Delivery, error) {
	t, err := s.activeTarget(id)
	if err != nil {
		return Delivery{}, err
	}
	return s.deliver(ctx, t, t.sign(s.dice.id(), body, time.Now())), nil
}

func (s *Simulator) activeTarget(id string) (target, error) {
	for _, t := range s.targets() {
		if t.id == id && t.active {
			return t, nil
		}
	}
	return target{}, ErrInactive
}

// deliver sends the same bytes until they are accepted, refused for good, or the policy's retries are used up. When ctx
// ends, the attempt under way may still finish; no other follows.
func (s *Simulator) deliver(ctx context.Context, t target, e signed) Delivery {
	d := Delivery{WebhookID: t.id, EventID: e.id}
	for {
		status := s.post(context.WithoutCancel(ctx), t.uri, e)
		d.Attempts = append(d.Attempts, status)
		d.Accepted = status/100 == 2
		if d.Accepted || !repeatable(status) || len(d.Attempts) > t.retries || !sleep(ctx, t.delay) {
			break
		}
	}
	s.record(d, e)
	return d
}

// repeatable reports whether a delivery is tried again: after a time-out, 429 and 5xx.
func repeatable(status int) bool {
	return status == 0 || status == http.StatusTooManyRequests || status >= 500
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// record counts a genuine delivery and remembers what was accepted, for whoever replays it.
func (s *Simulator) record(d Delivery, e signed) {
	s.count(d, e)
	s.cfg.Log.Debug("delivery", slog.String("webhook", d.WebhookID), slog.String("event", d.EventID),
		slog.Any("attempts", d.Attempts))
	s.cfg.OnDelivery(d)
}

func (s *Simulator) count(d Delivery, e signed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.counts.deliveries
	c.Events++
	for _, status := range d.Attempts {
		c.Attempts[status]++
	}
	if !d.Accepted {
		c.GivenUp++
		return
	}
	c.Accepted++
	s.history[d.WebhookID] = e
}
