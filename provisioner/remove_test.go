package provisioner_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/webhook"
)

const absent = `{"webhook":"orders","state":"absent"}`

func (w *world) capture(name string) {
	w.t.Helper()
	if _, err := w.bus.Publish(context.Background(), &nats.Msg{Subject: "unverified." + name, Data: []byte("x")}); err != nil {
		w.t.Fatal(err)
	}
}

// judge acknowledges everything that is captured; seen is called for each message before.
func (w *world) judge(seen func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.bus.Consume(ctx, bus.StreamUnverified, bus.ConsumerVerifier, 1, time.Second, func(context.Context, *bus.Delivery) error {
			seen()
			return nil
		})
	}()
	w.t.Cleanup(func() { cancel(); <-ended })
}

func TestRemovalWaitsForTheBacklog(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	w.apply("orders", doc("orders", envA, ""))
	w.apply("other", doc("other", envB, ""))
	w.capture("orders")
	w.capture("orders")
	seq := w.publish("orders", absent)
	w.eventually("the removal waits for what was captured", func() bool {
		s := w.record("orders").Status
		n := len(s.Steps)
		return s.Phase == webhook.PhaseRemoving && n > 0 && s.Steps[n-1].Note == "captured requests are not yet judged"
	})
	if _, revision := w.route("orders"); revision != 0 {
		t.Error("the route is still there")
	}
	w.judge(func() {
		if _, revision := w.policy("orders"); revision == 0 {
			t.Error("the policy went before what was captured was judged")
		}
	})
	removed := w.await(seq, webhook.PhaseRemoved)
	if got, want := stepNames(removed), []string{"remove route", "judge what was captured", "remove policy"}; !reflect.DeepEqual(got, want) {
		t.Errorf("steps = %q, want %q", got, want)
	}
	if _, revision := w.policy("orders"); revision != 0 || removed.PolicyRevision != 0 {
		t.Errorf("the policy is still there: %+v", removed)
	}
	if _, revision := w.policy("other"); revision == 0 {
		t.Error("another webhook's policy went too")
	}
	if again := w.await(w.publish("orders", absent), webhook.PhaseRemoved); len(again.Steps) != 0 {
		t.Errorf("steps of a second removal = %q", stepNames(again))
	}
	w.apply("orders", doc("orders", envA, ""))
}

func TestRemovalThatIsTakenBack(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	w.apply("orders", doc("orders", envA, ""))
	policies := w.writes(bus.BucketPolicies)
	w.capture("orders")
	removal := w.publish("orders", absent)
	w.eventually("the route is gone", func() bool { _, revision := w.route("orders"); return revision == 0 })
	w.apply("orders", doc("orders", envA, ""))
	w.await(removal, webhook.PhaseSuperseded)
	if _, revision := w.route("orders"); revision == 0 {
		t.Error("the route is not back")
	}
	if n := w.writes(bus.BucketPolicies); n != policies {
		t.Errorf("writes to policies = %d, want %d", n, policies)
	}
}

func TestRemovalOfWhatNeverWas(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	s := w.await(w.publish("orders", absent), webhook.PhaseRemoved)
	if len(s.Steps) != 0 {
		t.Errorf("steps = %q, want none", stepNames(s))
	}
}

func TestGraceAfterTheRouteIsGone(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.RemovalGrace = 400 * time.Millisecond
	w.run(cfg)
	w.apply("orders", doc("orders", envA, ""))
	s := w.await(w.publish("orders", absent), webhook.PhaseRemoved)
	if took := s.UpdatedAt.Sub(w.record("orders").Observed.RouteRemovedAt); took < cfg.RemovalGrace {
		t.Errorf("removed %s after the route, want at least %s", took, cfg.RemovalGrace)
	}
}
