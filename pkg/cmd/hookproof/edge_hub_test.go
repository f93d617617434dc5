package main

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/hookproof/hookproof/ingress"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
)

// TestHubForgetsIDs kills the edge when the hub has its request and the buffer does not know it, and restarts the hub, which
// thereby forgets the ids of what it has judged. The request is stored at the hub a second time, and verified once all the
// same.
func TestHubForgetsIDs(t *testing.T) {
	t.Parallel() // it waits more than it works
	address := freeAddress(t)
	r := &rig{t: t, server: bustest.Start(t), env: []string{"NATS_URL="}, outcomes: map[string][]bus.Stored{}, changed: make(chan struct{})}
	args := []string{"all", "--nats-listen", address, "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	hub := r.spawn("", args...)
	r.eventually("the hub is there", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	var err error
	if r.bus, err = bus.Connect(bus.Config{URL: "nats://" + address}, bustest.Log(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.bus.Close)
	e := edgeOf(r, address)
	e.start(ingress.StepForwarded + ":1:kill")
	e.knows("genesys")
	e.wire.cut() // so that the sender is answered before the kill
	e.send(1)
	e.wire.mend()
	e.killed(t)
	e.verifies(1)
	r.drained()
	hub.stop(t)
	e.start("")
	e.send(3)
	r.spawn("", args...)
	e.verifies(4)
	e.forwarded()
	r.drained()
	for _, s := range []struct{ stream, root string }{{bus.StreamVerified, event.Verified}, {bus.StreamRejected, event.Rejected}} {
		if err := r.bus.Scan(context.Background(), s.stream, bus.ScanOptions{Subject: s.root + ".*"}, r.record); err != nil {
			t.Fatal(err)
		}
	}
	e.assertVerified()
	if s := stateOf(t, r.bus, bus.StreamUnverified); s.LastSequence != 5 {
		t.Errorf("the hub has stored %d requests, want 4 and the first once more: it did not forget", s.LastSequence)
	}
}

// verifies waits until the hub has verified n events.
func (e *edge) verifies(n uint64) {
	e.t.Helper()
	e.eventually("events verified", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s, err := e.bus.State(ctx, bus.StreamVerified, "")
		return err == nil && s.Messages == n
	})
}
