package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// mostSigned is how many requests are signed at a time, so that they stand in memory for seconds and not for minutes, in
// which their timestamps would expire.
const mostSigned = 50000

// sustain sends a constant rate to a pipeline for a while, in one process or apart, and prints what it had to hold. The
// backlog and the memory of its end, against those of its middle, say whether either grows.
func sustain(ctx context.Context, o options, rate int, during time.Duration, apart bool) error {
	dir, err := os.MkdirTemp("", "hookproof-sustain-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := newBench(target{name: "sustain", rate: rate}, o, filepath.Join(dir, "all"))
	if err != nil {
		return err
	}
	defer b.close()
	if apart {
		err = b.pool("verifier")
	} else {
		err = b.all()
	}
	if err != nil {
		return err
	}
	nc, err := nats.Connect(b.url)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	before, err := b.cpu()
	if err != nil {
		return err
	}
	chunk := min(mostSigned, 20*rate)
	chunks, signing := make(chan [][]byte), make(chan struct{})
	defer close(signing)
	go func() { // signs while the chunk before is on its way
		for {
			select {
			case chunks <- signedRequests(chunk, o.size, b.addr, webhookSecret):
			case <-signing:
				return
			}
		}
	}()
	next := <-chunks
	began, sent := time.Now(), 0
	fmt.Println("| after s | sent | verified | backlog | p99 capture ms | RSS MiB |\n|---|---|---|---|---|---|")
	for ; time.Since(began) < during; next = <-chunks {
		l, err := send(b.addr, next, o.conns, rate)
		if err != nil {
			return err
		}
		sent += chunk
		unverified, verified, err := depths(ctx, js)
		if err != nil {
			return err
		}
		memory, err := b.resident()
		if err != nil {
			return err
		}
		fmt.Printf("| %.0f | %d | %d | %d | %.1f | %s |\n", time.Since(began).Seconds(), sent, verified, unverified, ms(quantile(l.took, 99)), memory)
	}
	elapsed := time.Since(began)
	for verified := uint64(0); verified < uint64(sent); {
		if _, verified, err = depths(ctx, js); err != nil {
			return err
		}
		if time.Since(began) > elapsed+pipelineWithin {
			return fmt.Errorf("%d of %d verified", verified, sent)
		}
		time.Sleep(10 * time.Millisecond)
	}
	after, err := b.cpu()
	if err != nil {
		return err
	}
	fmt.Printf("%d events in %.1f s, %.0f/s, verified %.1f s after the last answer; CPU %.2f s per 10,000\n", sent, elapsed.Seconds(),
		float64(sent)/elapsed.Seconds(), (time.Since(began) - elapsed).Seconds(), (sum(after)-sum(before))/float64(sent)*10000)
	return nil
}

// resident lists the memory of each process.
func (b *bench) resident() (string, error) {
	var all []string
	for _, p := range b.processes {
		mib, err := p.status("VmRSS:")
		if err != nil {
			return "", err
		}
		all = append(all, fmt.Sprintf("%s %.0f", p.name, mib))
	}
	return strings.Join(all, ", "), nil
}

func sum(seconds map[string]float64) (all float64) {
	for _, s := range seconds {
		all += s
	}
	return all
}

// depths returns how many messages wait, and how many are verified.
func depths(ctx context.Context, js jetstream.JetStream) (unverified, verified uint64, err error) {
	for name, n := range map[string]*uint64{"UNVERIFIED": &unverified, "VERIFIED": &verified} {
		s, err := js.Stream(ctx, name)
		if err != nil {
			return 0, 0, err
		}
		*n = s.CachedInfo().State.Msgs
	}
	return unverified, verified, nil
}
