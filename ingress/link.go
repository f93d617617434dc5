package ingress

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/telemetry"
)

const (
	// lookEvery is how often the hub is looked at while it takes requests.
	lookEvery = 2 * time.Second
	// lookWithin bounds one look.
	lookWithin = 5 * time.Second
	// hubFull is the fill of the hub's UNVERIFIED from which on forwarding waits: it has a place to wait in, and an ingress
	// without a buffer has none.
	hubFull = 0.8
	// remindEvery is how often an outage that lasts is logged.
	remindEvery = time.Minute
)

// fit reports why nothing should be sent to the hub now, or nil.
func (f *Forwarder) fit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	if err := f.hub.Ready(ctx); err != nil { // says best why there is no connection
		return err
	}
	if err := f.hub.Check(ctx, f.cfg.Topology, bus.StreamUnverified); err != nil {
		return err
	}
	s, err := f.hub.State(ctx, bus.StreamUnverified, "")
	if err == nil && s.Fill() >= hubFull {
		err = fmt.Errorf("%s of the hub: %w: %.0f %%", bus.StreamUnverified, bus.ErrFull, 100*s.Fill())
	}
	return err
}

// watch looks at the hub until ctx ends, and ends it when there is something wrong. It is how an outage is known also when
// there is nothing to forward.
func (f *Forwarder) watch(ctx context.Context, end context.CancelCauseFunc) {
	for pause(ctx, lookEvery); ctx.Err() == nil; pause(ctx, lookEvery) {
		if err := f.fit(ctx); err != nil {
			end(err)
		}
	}
}

// Hub is what a forwarder knows of its hub.
type Hub struct {
	Away  bool      // nothing is forwarded now
	Since time.Time // when that began, or ended
	Cause error     // why it is away
}

// Hub returns what is known of the hub now.
func (f *Forwarder) Hub() Hub { return f.link.state() }

// link notes whether the hub takes requests. It is away until the first look.
type link struct {
	log  *slog.Logger
	mu   sync.Mutex
	hub  Hub
	told time.Time
}

func (l *link) init(log *slog.Logger) {
	l.log, l.hub = log, Hub{Away: true, Since: time.Now(), Cause: bus.ErrUnavailable}
}

func (l *link) state() Hub {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hub
}

func (l *link) up() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hub.Away {
		l.log.Info("the hub takes requests; forwarding", "away", time.Since(l.hub.Since).Round(time.Millisecond).String())
		l.hub, l.told = Hub{Since: time.Now()}, time.Time{}
	}
}

func (l *link) down(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.hub.Away {
		l.hub = Hub{Away: true, Since: time.Now()}
	}
	l.hub.Cause = cause
	if time.Since(l.told) >= remindEvery {
		l.told = time.Now()
		l.log.Warn("the hub takes no requests; they stay in the buffer", "since", l.hub.Since, "error", cause)
	}
}

// measure adds a gauge that is 1 while the hub takes requests.
func (l *link) measure(meter metric.Meter) {
	telemetry.Gauge{Name: "hookproof.hub.reachable", Description: "Whether the hub takes what is buffered: 1, or 0.",
		Observe: func(report func(float64, ...attribute.KeyValue)) {
			if l.state().Away {
				report(0)
			} else {
				report(1)
			}
		}}.Register(telemetry.MeterOr(meter))
}

// forwardCounter counts what became of requests.
type forwardCounter struct {
	n                         metric.Int64Counter
	stored, duplicate, toHold metric.MeasurementOption
}

func newForwardCounter(meter metric.Meter) *forwardCounter {
	result := func(v string) metric.MeasurementOption { return metric.WithAttributes(attribute.String("result", v)) }
	return &forwardCounter{
		n:      telemetry.Counter(telemetry.MeterOr(meter), "hookproof.forwarded", "{request}", "Requests that left the buffer, by result: stored at the hub, known there already (duplicate), or refused and kept."),
		stored: result("stored"), duplicate: result("duplicate"), toHold: result("refused"),
	}
}

func (c *forwardCounter) forwarded(ctx context.Context, duplicate bool) {
	if duplicate {
		c.n.Add(ctx, 1, c.duplicate)
		return
	}
	c.n.Add(ctx, 1, c.stored)
}

func (c *forwardCounter) refused(ctx context.Context) { c.n.Add(ctx, 1, c.toHold) }

// Bounds of a backoff.
const (
	backoffFirst = 250 * time.Millisecond
	backoffMost  = 5 * time.Second
)

// backoff says how long to wait after a failure: twice as long each time, and up to a quarter less by chance, so that many
// edges do not come back at once. The zero value is ready.
type backoff struct{ failures int }

func (b *backoff) reset() { b.failures = 0 }

func (b *backoff) next() time.Duration {
	d := min(backoffFirst<<min(b.failures, 10), backoffMost)
	b.failures++
	return d - rand.N(d/4)
}

// pause returns after d, or when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
