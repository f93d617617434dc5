package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// pipelineWithin bounds the wait for what a load leaves to be verified.
const pipelineWithin = 3 * time.Minute

// outcomes follows what is published on verified.*, as a consumer without a durable does.
type outcomes struct {
	nc    *nats.Conn
	js    jetstream.JetStream
	seen  chan time.Duration // from receipt to here, one for each event
	total uint64
}

func follow(url string) (*outcomes, error) {
	nc, err := nats.Connect(url)
	if err != nil {
		return nil, err
	}
	o := &outcomes{nc: nc, seen: make(chan time.Duration, 1<<21)}
	if o.js, err = jetstream.New(nc); err == nil {
		_, err = nc.Subscribe("verified.*", func(m *nats.Msg) {
			at, err := time.Parse(time.RFC3339Nano, m.Header.Get("Hookproof-Received-At"))
			if err == nil {
				o.seen <- time.Since(at)
			}
		})
	}
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return o, nil
}

func (o *outcomes) close() { o.nc.Close() }

// await waits until n more events are stored in VERIFIED, and returns how long each was on its way, sorted, and how long
// this took.
func (o *outcomes) await(ctx context.Context, n int) (endToEnd []time.Duration, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, pipelineWithin)
	defer cancel()
	began := time.Now()
	o.total += uint64(n)
	for range n {
		select {
		case d := <-o.seen:
			endToEnd = append(endToEnd, d)
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("%d of %d events verified: %w", len(endToEnd), n, ctx.Err())
		}
	}
	slices.Sort(endToEnd)
	for {
		s, err := o.js.Stream(ctx, "VERIFIED")
		if err != nil {
			return nil, 0, err
		}
		if s.CachedInfo().State.Msgs >= o.total {
			return endToEnd, time.Since(began), nil
		}
		select {
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("%d of %d events stored: %w", s.CachedInfo().State.Msgs, o.total, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
