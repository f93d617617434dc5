package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// scaleOut measures how fast 1, 2 and 4 verifiers work a backlog off when each reaches the bus over a link with a round
// trip of 10 ms, with 32 messages in work, so that they wait more than they
// work and the machine is not what limits them.
func scaleOut(ctx context.Context, o options, backlog int) error {
	fmt.Println("| verifiers | events/s | of linear | CPU s per 10k of all verifiers |\n|---|---|---|---|")
	var one float64
	for _, n := range []int{1, 2, 4} {
		rate, cpu, err := workOff(ctx, o, n, backlog)
		if err != nil {
			return fmt.Errorf("%d verifiers: %w", n, err)
		}
		if n == 1 {
			one = rate
		}
		fmt.Printf("| %d | %.0f | %.0f %% | %.2f |\n", n, rate, rate/one/float64(n)*100, cpu)
	}
	return nil
}

func workOff(ctx context.Context, o options, verifiers, backlog int) (rate, cpu float64, err error) {
	dir, err := os.MkdirTemp("", "hookproof-scale-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	b, err := newBench(target{name: "scale-out"}, o, filepath.Join(dir, "pool"))
	if err != nil {
		return 0, 0, err
	}
	defer b.close()
	if err := b.pool(); err != nil {
		return 0, 0, err
	}
	out, err := follow(b.url)
	if err != nil {
		return 0, 0, err
	}
	defer out.close()
	if _, err := send(b.addr, signedRequests(backlog, o.size, b.addr, webhookSecret), o.conns, 0); err != nil {
		return 0, 0, err
	}
	far, closeLink, err := slowLink(b.url[len("nats://"):], 5*time.Millisecond)
	if err != nil {
		return 0, 0, err
	}
	defer closeLink()
	b.url = "nats://" + far
	began := time.Now()
	for i := range verifiers {
		if err := b.run(fmt.Sprintf("verifier-%d", i+1), b.o.hookproof, "verifier", "--concurrency", "32"); err != nil {
			return 0, 0, err
		}
	}
	// The first events tell that they have started; the rest is timed.
	if _, _, err := out.await(ctx, backlog/10); err != nil {
		return 0, 0, err
	}
	began = time.Now()
	if _, _, err := out.await(ctx, backlog-backlog/10); err != nil {
		return 0, 0, err
	}
	elapsed := time.Since(began)
	used, err := b.cpu()
	if err != nil {
		return 0, 0, err
	}
	for name, seconds := range used {
		if len(name) > len("verifier") && name[:len("verifier")] == "verifier" {
			cpu += seconds
		}
	}
	return float64(backlog-backlog/10) / elapsed.Seconds(), cpu / float64(backlog) * 10000, nil
}

// slowLink listens on loopback for connections to addr whose bytes arrive late, either way.
func slowLink(addr string, late time.Duration) (listen string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", addr)
			if err != nil {
				_ = near.Close()
				continue
			}
			var once sync.Once
			end := func() { once.Do(func() { _ = near.Close(); _ = far.Close() }) }
			go carry(far, near, late, end)
			go carry(near, far, late, end)
		}
	}()
	return l.Addr().String(), func() { _ = l.Close() }, nil
}

type parcel struct {
	due  time.Time
	data []byte
}

// carry copies what it reads, each piece when it is due.
func carry(to io.Writer, from io.Reader, late time.Duration, end func()) {
	defer end()
	parcels := make(chan parcel, 4096)
	go func() {
		defer close(parcels)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			if n > 0 {
				parcels <- parcel{time.Now().Add(late), b[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range parcels {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			end()
			for range parcels { // until the reader has seen it
			}
			return
		}
	}
}
