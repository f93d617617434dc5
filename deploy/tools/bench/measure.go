package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// round is what was measured of one target in one round.
type round struct {
	Target    string             `json:"target"`
	Round     int                `json:"round"`
	Requests  int                `json:"requests"`
	Rate      float64            `json:"requestsPerSecond"` // of a pipeline, until the last outcome is stored
	P50       float64            `json:"p50Milliseconds"`
	P99       float64            `json:"p99Milliseconds"`
	Processes []string           `json:"processes"`
	CPU       map[string]float64 `json:"cpuSecondsPer10000"`
	Peak      map[string]float64 `json:"peakMiB"`
}

// total is the CPU of all processes together.
func (r round) total() float64 {
	var sum float64
	for _, s := range r.CPU {
		sum += s
	}
	return sum
}

func (r round) String() string {
	return fmt.Sprintf("round %d  %-34s %6.0f/s  p50 %5.2f ms  p99 %6.2f ms  CPU %.2f s/10k", r.Round, r.Target, r.Rate, r.P50, r.P99, r.total())
}

// measure starts a target, warms it up, measures it and stops it.
func measure(ctx context.Context, t target, o options, dir string) (round, error) {
	b, err := newBench(o, dir)
	if err != nil {
		return round{}, err
	}
	defer b.close()
	if err := t.start(b); err != nil {
		return round{}, err
	}
	finished := func(int) error { return nil }
	if t.pipeline {
		nc, err := nats.Connect(b.url)
		if err != nil {
			return round{}, err
		}
		defer nc.Close()
		finished = func(n int) error { return verified(ctx, nc, uint64(n)) }
	}
	if _, err := b.phase(o.warm, o.warm, finished); err != nil {
		return round{}, err
	}
	r, err := b.phase(o.requests, o.warm+o.requests, finished)
	r.Target = t.name
	return r, err
}

// phase sends n requests and waits until so many are finished in all.
func (b *bench) phase(n, inAll int, finished func(int) error) (r round, err error) {
	requests := signedRequests(n, b.o.size, b.addr, webhookSecret)
	before, err := b.cpu()
	if err != nil {
		return r, err
	}
	began := time.Now()
	l, err := send(b.addr, requests, b.o.conns)
	if err != nil {
		return r, err
	}
	elapsed := l.elapsed
	if err := finished(inAll); err != nil {
		return r, err
	}
	if since := time.Since(began); since > elapsed {
		elapsed = since
	}
	after, err := b.cpu()
	if err != nil {
		return r, err
	}
	r = round{Requests: n, Rate: float64(n) / elapsed.Seconds(), P50: ms(l.p50), P99: ms(l.p99), CPU: map[string]float64{}, Peak: map[string]float64{}}
	for _, p := range b.processes {
		r.Processes = append(r.Processes, p.name)
		r.CPU[p.name] = (after[p.name] - before[p.name]) / float64(n) * 10000
		if r.Peak[p.name], err = p.peak(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// cpu returns the seconds that each process has used.
func (b *bench) cpu() (map[string]float64, error) {
	used := map[string]float64{}
	for _, p := range b.processes {
		s, err := p.cpu()
		if err != nil {
			return nil, err
		}
		used[p.name] = s
	}
	return used, nil
}

// verified waits until VERIFIED holds n events.
func verified(ctx context.Context, nc *nats.Conn, n uint64) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	s, err := js.Stream(ctx, "VERIFIED")
	if err != nil {
		return err
	}
	for {
		info, err := s.Info(ctx)
		if err != nil {
			return err
		}
		if info.State.Msgs >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d events verified: %w", info.State.Msgs, n, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
