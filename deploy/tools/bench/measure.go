package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// round is what was measured of one target in one round.
type round struct {
	Suite     string             `json:"suite"`
	Target    string             `json:"target"`
	Round     int                `json:"round"`
	Requests  int                `json:"requests"`
	Rate      float64            `json:"requestsPerSecond"` // of a pipeline, until the last outcome is stored
	P50       float64            `json:"p50Milliseconds"`
	P99       float64            `json:"p99Milliseconds"`
	EndToEnd  []float64          `json:"endToEndMilliseconds,omitempty"` // of a pipeline: p50 and p99 from receipt to delivery on verified.*
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
	b, err := newBench(t, o, dir)
	if err != nil {
		return round{}, err
	}
	defer b.close()
	if err := t.start(b); err != nil {
		return round{}, err
	}
	n := max(o.requests/max(t.share, 1), 1)
	if t.direct {
		return b.direct(ctx, n)
	}
	var out *outcomes
	if t.pipeline {
		if out, err = follow(b.url); err != nil {
			return round{}, err
		}
		defer out.close()
	}
	if _, err := b.phase(ctx, min(o.warm, n), out); err != nil {
		return round{}, err
	}
	stop := b.profile()
	r, err := b.phase(ctx, n, out)
	return r, errors.Join(err, stop())
}

// phase sends n requests, and waits until those of a pipeline are verified.
func (b *bench) phase(ctx context.Context, n int, out *outcomes) (round, error) {
	requests := signedRequests(n, b.o.size, b.addr, webhookSecret)
	return b.used(n, func() (load, []time.Duration, error) {
		l, err := send(b.addr, requests, cmp.Or(b.conns, b.o.conns), b.rate)
		if err != nil || out == nil {
			return l, nil, err
		}
		endToEnd, last, err := out.await(ctx, n)
		l.elapsed += max(0, last)
		return l, endToEnd, err
	})
}

// direct publishes n messages to JetStream by itself.
func (b *bench) direct(ctx context.Context, n int) (round, error) {
	js, closeBus, err := bareStream(ctx, b.url, max(b.nodes, 1))
	if err != nil {
		return round{}, err
	}
	defer closeBus()
	body := make([]byte, b.o.size)
	return b.used(n, func() (load, []time.Duration, error) {
		l, err := atOnce(n, cmp.Or(b.conns, b.o.conns), b.rate, func() (func(int) error, func() error, error) {
			return func(int) error {
				_, err := js.Publish(ctx, "bare.genesys", body)
				return err
			}, func() error { return nil }, nil
		})
		return l, nil, err
	})
}

// used measures what the processes use for n requests.
func (b *bench) used(n int, do func() (load, []time.Duration, error)) (round, error) {
	before, err := b.cpu()
	if err != nil {
		return round{}, err
	}
	l, endToEnd, err := do()
	if err != nil {
		return round{}, err
	}
	after, err := b.cpu()
	if err != nil {
		return round{}, err
	}
	r := round{Target: b.name, Requests: n, Rate: float64(n) / l.elapsed.Seconds(), P50: ms(quantile(l.took, 50)), P99: ms(quantile(l.took, 99)),
		CPU: map[string]float64{}, Peak: map[string]float64{}}
	if len(endToEnd) > 0 {
		r.EndToEnd = []float64{ms(quantile(endToEnd, 50)), ms(quantile(endToEnd, 99))}
	}
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

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
