package provisioner

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/webhook"
)

const (
	intakeConcurrency = 8
	// drainTime is how long what was begun may take after the end was asked for.
	drainTime = 5 * time.Second
)

// Provisioner is the role. It does nothing until Run.
type Provisioner struct {
	cfg     Config
	bus     *bus.Bus
	log     *slog.Logger
	records *bus.Mirror[view]
	taken   chan view // records that the intake has changed
	// challenge is what secrets are made to sign so that they can be compared; it is random and leaves the process never.
	challenge []byte
}

// view is a record as it was read.
type view struct {
	webhook.Record
	revision uint64
}

// New returns a provisioner. It starts nothing.
func New(cfg Config, b *bus.Bus, log *slog.Logger) *Provisioner {
	p := &Provisioner{cfg: cfg.withDefaults(), bus: b, log: log, taken: make(chan view, 64), challenge: make([]byte, 32)}
	rand.Read(p.challenge) // never returns an error
	p.records = bus.NewMirror(b, bus.BucketWebhooks, decodeView, log)
	return p
}

func decodeView(e bus.Entry) (view, error) {
	r, err := webhook.DecodeRecord(e)
	return view{r, e.Revision}, err
}

// Run works until ctx ends and returns nil once everything that was begun has ended. What cannot be reached is tried again.
func (p *Provisioner) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { return p.records.Run(ctx) })
	g.Go(func() error { return p.schedule(ctx) })
	g.Go(func() error {
		return p.bus.Consume(ctx, bus.StreamConfig, bus.ConsumerProvisioner, intakeConcurrency, drainTime, p.take)
	})
	return g.Wait()
}

// Ready reports whether config messages can be worked on: the records were read and the bus can be reached.
func (p *Provisioner) Ready(ctx context.Context) error {
	select {
	case <-p.records.Loaded():
		return p.bus.Ready(ctx)
	default:
		return errNotLoaded
	}
}
