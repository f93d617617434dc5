package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// memory measures what a nats-server holds in memory for n live replay keys, for n message ids in a duplicate window, and
// for n messages of a backlog.
func memory(ctx context.Context, o options, n int) error {
	fmt.Printf("| %d of | MiB of memory | bytes each | stored after s |\n|---|---|---|---|\n", n)
	for _, what := range []struct {
		name   string
		stream jetstream.StreamConfig
		msg    func(i int) *nats.Msg
	}{
		{"replay keys", jetstream.StreamConfig{Name: "KV_replay", Subjects: []string{"$KV.replay.>"}, MaxMsgsPerSubject: 1, MaxAge: 24 * time.Hour},
			func(i int) *nats.Msg { return claim("replay", i) }},
		{"message ids", jetstream.StreamConfig{Name: "IDS", Subjects: []string{"ids.*"}, Duplicates: 75 * time.Minute},
			func(i int) *nats.Msg {
				return &nats.Msg{Subject: "ids.genesys", Header: nats.Header{"Nats-Msg-Id": {"0199d7a5-7c1e-7d3f-8f6c-" + fmt.Sprintf("%012d", i)}}}
			}},
		{"waiting messages of " + strconv.Itoa(o.size) + " bytes", jetstream.StreamConfig{Name: "BACKLOG", Subjects: []string{"backlog.*"}, Retention: jetstream.WorkQueuePolicy},
			func(int) *nats.Msg { return &nats.Msg{Subject: "backlog.genesys", Data: make([]byte, o.size)} }},
	} {
		held, took, err := holding(ctx, o, what.stream, n, what.msg)
		if err != nil {
			return fmt.Errorf("%s: %w", what.name, err)
		}
		fmt.Printf("| %s | %.0f | %.0f | %.1f |\n", what.name, held, held*(1<<20)/float64(n), took.Seconds())
	}
	return nil
}

// claim is a claim as a verifier makes it.
func claim(bucket string, i int) *nats.Msg {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	return &nats.Msg{Subject: "$KV." + bucket + "." + base64.RawURLEncoding.EncodeToString(sum[:16]),
		Data:   []byte("0199d7a5-7c1e-7d3f-8f6c-0123456789ab 2026-01-01T00:00:00.000000000Z 1767225600000"),
		Header: nats.Header{"Nats-Expected-Last-Subject-Sequence": {"0"}}}
}

// fill publishes n messages, many at once.
func fill(js jetstream.JetStream, n int, msg func(int) *nats.Msg) error {
	for i := range n {
		if _, err := js.PublishMsgAsync(msg(i), jetstream.WithStallWait(30*time.Second)); err != nil {
			return err
		}
	}
	<-js.PublishAsyncComplete()
	return nil
}

// flat measures a pipeline with few live replay keys, and with so many.
func flat(ctx context.Context, o options, keys int) error {
	dir, err := os.MkdirTemp("", "hookproof-keys-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := newBench(target{name: "keys"}, o, filepath.Join(dir, "pool"))
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.pool("verifier"); err != nil {
		return err
	}
	out, err := follow(b.url)
	if err != nil {
		return err
	}
	defer out.close()
	js, err := jetstream.New(out.nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		return err
	}
	fmt.Println("| live replay keys | events/s | end to end p99 ms | CPU s per 10k | nats-server MiB |\n|---|---|---|---|---|")
	if _, err := b.phase(ctx, o.warm, out); err != nil {
		return err
	}
	for live := 0; ; {
		for range o.rounds {
			r, err := b.phase(ctx, o.requests, out)
			if err != nil {
				return err
			}
			bucket, err := js.Stream(ctx, "KV_replay-body")
			if err != nil {
				return err
			}
			fmt.Printf("| %d | %.0f | %.1f | %.2f | %.0f |\n", bucket.CachedInfo().State.Msgs, r.Rate, r.EndToEnd[1], r.total(), r.Peak["nats-server"])
		}
		if live == keys {
			return nil
		}
		if err := fill(js, keys, func(i int) *nats.Msg { return claim("replay-body", i) }); err != nil {
			return err
		}
		live = keys
	}
}

// holding stores n messages in a server of their own and returns by how many MiB its memory grew, once it is idle.
func holding(ctx context.Context, o options, config jetstream.StreamConfig, n int, msg func(int) *nats.Msg) (float64, time.Duration, error) {
	dir, err := os.MkdirTemp("", "hookproof-memory-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	b, err := newBench(target{name: "memory"}, o, filepath.Join(dir, "nats"))
	if err != nil {
		return 0, 0, err
	}
	defer b.close()
	if err := b.natsServer(); err != nil {
		return 0, 0, err
	}
	nc, err := nats.Connect(b.url)
	if err != nil {
		return 0, 0, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		return 0, 0, err
	}
	config.Storage = jetstream.FileStorage
	if _, err := js.CreateStream(ctx, config); err != nil {
		return 0, 0, err
	}
	empty, err := b.processes[0].status("VmRSS:")
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := fill(js, n, msg); err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	s, err := js.Stream(ctx, config.Name)
	if err != nil {
		return 0, 0, err
	}
	if stored := s.CachedInfo().State.Msgs; stored != uint64(n) {
		return 0, 0, fmt.Errorf("%d of %d stored", stored, n)
	}
	held, err := b.processes[0].settled()
	return held - empty, took, err
}

// settled returns the memory of a process in MiB once it no longer falls: a Go program gives garbage back over minutes.
func (p *process) settled() (float64, error) {
	least, err := p.status("VmRSS:")
	for quiet := 0; err == nil && quiet < 20; quiet++ {
		time.Sleep(3 * time.Second)
		var now float64
		if now, err = p.status("VmRSS:"); now < least*0.99 {
			least, quiet = now, 0
		}
	}
	return least, err
}
