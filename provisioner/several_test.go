package provisioner_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/webhook"
)

func TestManyWebhooksAndSeveralProvisioners(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.run(w.config())
	}
	const n = 25
	var seqs []uint64
	for i := range n {
		name := fmt.Sprintf("w%d", i)
		w.env.Store("HOOKPROOF_SECRET_"+name, "secret-of-"+name+"-0123456789")
		seqs = append(seqs, w.publish(name, doc(name, "env:HOOKPROOF_SECRET_"+name, "")))
	}
	for _, seq := range seqs {
		w.await(seq, webhook.PhaseLive)
	}
	if p, r := w.writes(bus.BucketPolicies), w.writes(bus.BucketRoutes); p != n || r != n {
		t.Errorf("writes to policies and routes = %d and %d, want %d each", p, r, n)
	}
	w.acknowledged()
}

// TestTakesOverFromTheDead starts from the records that a provisioner leaves that dies in a step.
func TestTakesOverFromTheDead(t *testing.T) {
	for _, phase := range []webhook.Phase{webhook.PhaseValidating, webhook.PhasePolicy, webhook.PhaseRoute} {
		t.Run(string(phase), func(t *testing.T) {
			w := newWorld(t)
			stop := w.run(w.config())
			seq := w.apply("orders", doc("orders", envA, "")).ConfigSequence
			stop()
			r := w.record("orders")
			until := time.Now().Add(time.Second)
			r.Lease, r.Status.Phase = webhook.Lease{Holder: "dead", Until: until}, phase
			r.Status.Steps = []webhook.Step{{Name: string(phase), StartedAt: time.Now()}}
			w.putRecord(r)
			w.mu.Lock()
			w.statuses = nil
			w.mu.Unlock()
			w.run(w.config())
			live := w.await(seq, webhook.PhaseLive)
			if live.UpdatedAt.Before(until.Truncate(time.Millisecond)) {
				t.Errorf("taken over at %s, the lease ran until %s", live.UpdatedAt, until)
			}
			if n := w.writes(bus.BucketPolicies); n != 1 {
				t.Errorf("writes to policies = %d, want 1", n)
			}
		})
	}
}
