package genesystest

import (
	"context"
	"strconv"
	"time"

	"github.com/hookproof/hookproof/pkg/secret"
)

// Forgery is a way of imitating an event.
type Forgery string

// The kinds of forgeries.
const (
	// BadSignature is an event that was signed with another secret.
	BadSignature Forgery = "bad-signature"
	// MissingSignature is an event without a signature.
	MissingSignature Forgery = "missing-signature"
	// StaleTimestamp is an event that was rightly signed ten minutes ago.
	StaleTimestamp Forgery = "stale-timestamp"
	// ExactReplay is the last accepted event once more, header and body.
	ExactReplay Forgery = "exact-replay"
	// FreshReplay is the last accepted event once more, with a new X-Genesys-Timestamp, which is not signed. For Open
	// Messaging, whose time is in the body, it is the same as ExactReplay.
	FreshReplay Forgery = "fresh-replay"
)

// staleness is how old a stale event is.
const staleness = 10 * time.Minute

// Forgeries returns every kind.
func Forgeries() []Forgery {
	return []Forgery{BadSignature, MissingSignature, StaleTimestamp, ExactReplay, FreshReplay}
}

// Forge sends one forged request, once, and returns what became of it. A replay needs an event of that webhook that was
// accepted before; without one it is a BadSignature.
func (s *Simulator) Forge(ctx context.Context, id string, f Forgery) (Delivery, error) {
	t, err := s.activeTarget(id)
	if err != nil {
		return Delivery{}, err
	}
	return s.forge(ctx, t, f), nil
}

func (s *Simulator) forge(ctx context.Context, t target, f Forgery) Delivery {
	e, f := s.forged(t, f)
	status := s.post(context.WithoutCancel(ctx), t.uri, e)
	s.mu.Lock()
	s.counts.deliveries.Forged[f]++
	s.mu.Unlock()
	d := Delivery{WebhookID: t.id, EventID: e.id, Forgery: f, Attempts: []int{status}, Accepted: status/100 == 2}
	s.cfg.OnDelivery(d)
	return d
}

// forged returns the request, and the kind that it came to be.
func (s *Simulator) forged(t target, f Forgery) (signed, Forgery) {
	at := time.Now()
	switch f {
	case StaleTimestamp:
		return s.event(t, at.Add(-staleness)), f
	case MissingSignature:
		e := s.event(t, at)
		e.header.Del("X-Genesys-Signature")
		e.header.Del("X-Hub-Signature-256")
		return e, f
	case ExactReplay, FreshReplay:
		if e, known := s.lastAccepted(t.id); known {
			return refresh(e, f, at), f
		}
	}
	t.secret = secret.New("not the secret of this webhook")
	return s.event(t, at), BadSignature
}

func (s *Simulator) lastAccepted(id string) (signed, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.history[id]
	return e, known
}

func refresh(e signed, f Forgery, at time.Time) signed {
	e.header = e.header.Clone()
	if f == FreshReplay && e.header.Get("X-Genesys-Timestamp") != "" {
		e.header.Set("X-Genesys-Timestamp", strconv.FormatInt(at.UnixMilli(), 10))
	}
	return e
}
