package ingress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/errgroup"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/failpoint"
)

// StepForwarded is where a test build can be made to fail: the hub has acknowledged a request, the buffer still has it.
const StepForwarded = "forwarded"

const (
	// forwardWithin bounds one try to store a request at the hub. It is shorter than the buffer waits for an acknowledgement.
	forwardWithin = 6 * time.Second
	// refusedAgain is how long after a refusal a request is offered to the hub again: its limits may have changed.
	refusedAgain = 5 * time.Minute
	// refusedWait is how long a refused request waits where the hub could not be asked, or there is no room for it.
	refusedWait = time.Minute
	// refusedAtOnce is how many refused requests are offered at once.
	refusedAtOnce = 4
)

// ForwardConfig tunes a Forwarder. The zero value of a field stands for its default.
type ForwardConfig struct {
	Topology bus.Topology  // what the hub's streams have to keep to; without it nothing is forwarded
	InFlight int           // requests on their way to the hub at once; default 256
	Grace    time.Duration // how long it goes on forwarding once the capture has ended; default 10 s
	Meter    metric.Meter  // what it is measured with; nil measures nothing
}

// Forwarder moves requests from a buffer to the hub, where the verifiers are: each is published under its own message id
// and leaves the buffer only after the hub has acknowledged it. While the hub is away, is full, or would lose what it
// accepts, everything stays in the buffer. Nothing is ever dropped: a request that the hub refuses for good makes way for
// the others, and is kept. There is one Forwarder for a buffer.
type Forwarder struct {
	cfg        ForwardConfig
	local, hub *bus.Bus
	log        *slog.Logger
	link       link
	count      *forwardCounter
}

// NewForwarder returns a forwarder from the buffer that SetupBuffer made on local. Run starts it.
func NewForwarder(cfg ForwardConfig, local, hub *bus.Bus, log *slog.Logger) *Forwarder {
	if cfg.InFlight <= 0 {
		cfg.InFlight = 256
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 10 * time.Second
	}
	f := &Forwarder{cfg: cfg, local: local, hub: hub, log: log, count: newForwardCounter(cfg.Meter)}
	f.link.init(log)
	f.link.measure(cfg.Meter)
	return f
}

// Run forwards while capture runs. Once that has returned, whose error it returns, it goes on until the buffer is empty,
// the hub is away or the grace is over. What is left stays in the buffer for the next process.
func (f *Forwarder) Run(ctx context.Context, capture func(context.Context) error) error {
	forwarding, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var g errgroup.Group
	g.Go(func() error { f.forward(forwarding); return nil })
	g.Go(func() error {
		taken := func(context.Context, *bus.Delivery) error { return nil }
		return f.local.Consume(forwarding, bus.StreamBuffer, bus.ConsumerProbe, 1, 0, taken)
	})
	err := capture(ctx)
	f.empty(forwarding)
	stop()
	return errors.Join(err, g.Wait())
}

// empty waits, at most for the grace, until there is nothing more to forward, and tells what is left.
func (f *Forwarder) empty(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Grace)
	defer cancel()
	for {
		waits, err := f.local.Backlog(ctx, bus.StreamBuffer, bus.ConsumerForwarder)
		left := waits.Pending + uint64(waits.AckPending) // #nosec G115 -- a count
		if err == nil && left == 0 {
			f.log.Info("the buffer is empty")
			return
		}
		if ctx.Err() != nil || err != nil || f.link.state().Away {
			f.log.Warn("requests stay in the buffer until the next start", "requests", left, "error", err)
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// forward forwards whenever the hub takes requests, until ctx ends.
func (f *Forwarder) forward(ctx context.Context) {
	var wait backoff
	for ctx.Err() == nil {
		err := f.fit(ctx)
		if err == nil {
			f.link.up()
			var stored bool
			if stored, err = f.round(ctx); stored {
				wait.reset()
			}
		}
		if ctx.Err() != nil {
			return
		}
		f.link.down(err)
		pause(ctx, wait.next())
	}
}

// round forwards until something is wrong with the hub, which it returns. It reports whether the hub took anything.
func (f *Forwarder) round(ctx context.Context) (stored bool, err error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var took atomic.Bool
	var g errgroup.Group
	g.Go(func() error { f.watch(ctx, end); return nil })
	g.Go(func() error {
		return f.local.Consume(ctx, bus.StreamRefused, bus.ConsumerRefused, refusedAtOnce, forwardWithin, f.offerAgain)
	})
	g.Go(func() error {
		return f.local.Consume(ctx, bus.StreamBuffer, bus.ConsumerForwarder, f.cfg.InFlight, forwardWithin, func(ctx context.Context, d *bus.Delivery) error {
			err := f.pass(ctx, d)
			if err == nil {
				took.Store(true)
			} else if !errors.Is(err, errNoRoom) {
				end(err) // for all of them: one request after the other would learn the same, and lose its place
			}
			return err
		})
	})
	err = g.Wait()
	return took.Load(), errors.Join(err, context.Cause(ctx))
}

// pass takes one request to the hub. Nil has it leave the buffer.
func (f *Forwarder) pass(ctx context.Context, d *bus.Delivery) error {
	ack, err := f.offer(ctx, d)
	switch {
	case err == nil:
		failpoint.Hit(StepForwarded)
		f.count.forwarded(ctx, ack.Duplicate)
		return nil
	case errors.Is(err, bus.ErrTooLarge):
		return f.setAside(ctx, d, err)
	default:
		return bus.RetryAfter(err, 0)
	}
}

func (f *Forwarder) offer(ctx context.Context, d *bus.Delivery) (bus.Ack, error) {
	ctx, cancel := context.WithTimeout(ctx, forwardWithin)
	defer cancel()
	return f.hub.Publish(ctx, event.Forwarded(d.Msg))
}

var errNoRoom = errors.New("no room for a request that the hub refuses")

// setAside moves a request that the hub refuses for good out of the others' way.
func (f *Forwarder) setAside(ctx context.Context, d *bus.Delivery, refusal error) error {
	m := event.Forwarded(d.Msg)
	m.Subject = bus.RefusedRoot + "." + webhookIn(m.Subject)
	if _, err := f.local.Publish(ctx, m); err != nil {
		return bus.RetryAfter(fmt.Errorf("%w: %w: %w", errNoRoom, refusal, err), refusedWait)
	}
	f.count.refused(ctx)
	f.log.Error("the hub refuses a request for good; it is kept in "+bus.StreamRefused, "id", m.Header.Get(event.HeaderID),
		"webhook", webhookIn(m.Subject), "bytes", len(m.Data), "error", refusal)
	return nil
}

// offerAgain offers a request that the hub has refused once more.
func (f *Forwarder) offerAgain(ctx context.Context, d *bus.Delivery) error {
	d.Msg.Subject = event.Unverified + "." + webhookIn(d.Msg.Subject)
	ack, err := f.offer(ctx, d)
	switch {
	case errors.Is(err, bus.ErrTooLarge):
		return bus.RetryAfter(err, refusedAgain)
	case err != nil:
		return bus.RetryAfter(err, refusedWait)
	}
	f.count.forwarded(ctx, ack.Duplicate)
	return nil
}

func webhookIn(subject string) string {
	_, webhook, _ := strings.Cut(subject, ".")
	return webhook
}
