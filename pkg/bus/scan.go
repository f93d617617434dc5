package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ScanOptions says which part of a stream a Scan reads.
type ScanOptions struct {
	Subject     string    // filter; must not be empty
	Since       time.Time // messages stored at that time or later; the zero time for all
	New         bool      // only messages stored from now on
	HeadersOnly bool
	Follow      bool // go on with messages as they are stored, until ctx ends
}

// Scan calls fn with a stream's messages in their order. It ends after the newest message, or with Follow when ctx ends,
// or with the error that fn returned. It creates a consumer for itself, so it is for operators and for roles that may.
func (b *Bus) Scan(ctx context.Context, stream string, o ScanOptions, fn func(Stored) error) error {
	state, err := b.State(ctx, stream, "")
	if err != nil {
		return err
	}
	if !o.Follow && state.Messages == 0 {
		return nil
	}
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{o.Subject}, HeadersOnly: o.HeadersOnly, InactiveThreshold: 30 * time.Second}
	switch {
	case o.New:
		cfg.DeliverPolicy = jetstream.DeliverNewPolicy
	case !o.Since.IsZero():
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &o.Since
	}
	c, err := b.js.OrderedConsumer(ctx, stream, cfg)
	if err != nil {
		return classify(err)
	}
	if !o.Follow && c.CachedInfo().NumPending == 0 {
		return nil
	}
	messages, err := c.Messages()
	if err != nil {
		return classify(err)
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return scanEnd(ctx, o, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return classify(err)
		}
		if err := fn(Stored{Subject: m.Subject(), Header: m.Headers(), Data: m.Data(), Sequence: meta.Sequence.Stream, Time: meta.Timestamp}); err != nil {
			return err
		}
		if !o.Follow && meta.NumPending == 0 {
			return nil
		}
	}
}

// scanEnd tells the end of a followed scan from a lost connection.
func scanEnd(ctx context.Context, o ScanOptions, err error) error {
	if o.Follow && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil
	}
	return classify(err)
}
