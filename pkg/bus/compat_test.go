package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// formerTopology is what setup of version 1 made.
type formerTopology struct {
	Streams   []jetstream.StreamConfig `json:"streams"`
	Consumers []struct {
		Stream string                   `json:"stream"`
		Config jetstream.ConsumerConfig `json:"config"`
	} `json:"consumers"`
}

func readFormer(t *testing.T) formerTopology {
	t.Helper()
	b, err := os.ReadFile("../../testdata/compat/v1/topology.json")
	if err != nil {
		t.Fatal(err)
	}
	var f formerTopology
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// older takes away what a version before that one might not have known.
func (f formerTopology) older() formerTopology {
	for i := range f.Streams {
		c := &f.Streams[i]
		c.AllowDirect, c.DenyDelete, c.DenyPurge, c.AllowRollup, c.Description = false, false, false, false, ""
		c.MaxBytes, c.Duplicates = c.MaxBytes/2, time.Minute
	}
	for i := range f.Consumers {
		f.Consumers[i].Config.MaxAckPending, f.Consumers[i].Config.Description = 1000, ""
	}
	return f
}

// TestSetupMigratesAFormerStore makes the streams as a former version did, fills them, and sets them up anew while
// requests come in and are worked off. Nothing is lost, nothing is doubled, and what was stored is there under its sequence.
func TestSetupMigratesAFormerStore(t *testing.T) {
	for name, former := range map[string]formerTopology{"version 1": readFormer(t), "before": readFormer(t).older()} {
		t.Run(name, func(t *testing.T) {
			srv := bustest.Start(t)
			b, js := bustest.Connect(t, srv), native(t, srv)
			for _, c := range former.Streams {
				if _, err := js.CreateStream(t.Context(), c); err != nil {
					t.Fatalf("%s: %v", c.Name, err)
				}
			}
			for _, c := range former.Consumers {
				if _, err := js.CreateConsumer(t.Context(), c.Stream, c.Config); err != nil {
					t.Fatal(err)
				}
			}
			stored := fillAll(t, b)

			done, stop := work(t, b)
			eventually(t, 30*time.Second, "requests come in", func() bool { return len(done()) > 10 })
			if err := b.Setup(t.Context(), bus.Topology{}, srv); err != nil {
				t.Fatalf("Setup = %v", err)
			}
			sent := stop()
			eventually(t, 30*time.Second, "every request worked off", func() bool { return waiting(t, b) == 0 })

			verified := map[string]int{}
			err := b.Scan(t.Context(), bus.StreamVerified, bus.ScanOptions{Subject: "verified.*"}, func(m bus.Stored) error {
				verified[m.Header.Get("Nats-Msg-Id")]++
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for id, n := range verified {
				if n != 1 {
					t.Errorf("%s is verified %d times, want once", id, n)
				}
			}
			if len(verified) != sent+3 || len(done()) != sent+3 {
				t.Errorf("%d requests were worked off and %d verified, want the 3 that waited and the %d that came", len(done()), len(verified), sent)
			}
			for _, s := range stored {
				m, err := b.Message(t.Context(), s.stream, s.sequence)
				if err != nil || string(m.Data) != s.data {
					t.Errorf("%s[%d] = %q, %v, want %q", s.stream, s.sequence, m.Data, err, s.data)
				}
			}
			if plan, err := b.Plan(t.Context(), bus.Topology{}, srv); err != nil || len(plan) != 0 {
				t.Errorf("Plan after Setup = %q, %v, want none", planned(plan), err)
			}
			if err := b.Check(t.Context(), bus.Topology{}); err != nil {
				t.Errorf("Check after Setup = %v", err)
			}
			if lost, err := b.NewClaims(bus.BucketReplayBody).Claim(t.Context(), "genesys", []byte("another")); err != nil || lost == nil || string(lost.Value) != "id-1" {
				t.Errorf("Claim of a key that was claimed before = %v, %v, want its owner", lost, err)
			}
		})
	}
}

// kept is a message that has to be there afterwards.
type kept struct {
	stream   string
	sequence uint64
	data     string
}

// fillAll puts three messages into every stream and bucket; those in UNVERIFIED wait for work.
func fillAll(t *testing.T, b *bus.Bus) (all []kept) {
	t.Helper()
	if _, err := b.PutIf(t.Context(), bus.BucketReplayBody, "genesys", []byte("id-1"), 0); err != nil {
		t.Fatalf("claim = %v", err)
	}
	for stream, subject := range map[string]string{
		bus.StreamUnverified: "unverified.genesys", bus.StreamVerified: "verified.genesys", bus.StreamRejected: "rejected.genesys",
		bus.StreamParked: "parked.genesys", bus.StreamConfig: "config.w%d", "KV_" + bus.BucketPolicies: "$KV.policies.genesys",
		"KV_" + bus.BucketRoutes: "$KV.routes.w%d", "KV_" + bus.BucketWebhooks: "$KV.webhooks.genesys", "KV_" + bus.BucketReplaySigned: "$KV.replay-signed.w%d",
	} {
		for i := 1; i <= 3; i++ {
			to := subject
			if to[len(to)-2:] == "%d" {
				to = fmt.Sprintf(subject, i)
			}
			m := message(to, fmt.Sprintf("before-%d", i), fmt.Sprintf("%s %d", stream, i))
			ack, err := b.Publish(t.Context(), m)
			if err != nil {
				t.Fatalf("%s: %v", to, err)
			}
			if stream != bus.StreamUnverified {
				all = append(all, kept{stream, ack.Sequence, string(m.Data)})
			}
		}
	}
	return all
}

// work publishes requests and works them off as the roles of a former version do, until stop, which returns how many were published. done
// returns the ids of those that were worked off.
func work(t *testing.T, b *bus.Bus) (done func() map[string]bool, stop func() int) {
	t.Helper()
	worked := make(chan string, 1<<16)
	consume(t, b, 16, time.Second, func(ctx context.Context, d *bus.Delivery) error {
		id := d.Msg.Header.Get("Nats-Msg-Id")
		if _, err := b.PutIf(ctx, bus.BucketReplaySigned, id, []byte(id), 0); err != nil && !errors.Is(err, bus.ErrConflict) {
			return err
		}
		if _, err := b.Publish(ctx, message("verified.genesys", id, "body")); err != nil {
			return err
		}
		worked <- id
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	count := make(chan int, 1)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			if err := decide(func() error {
				_, err := b.Publish(context.WithoutCancel(ctx), message("unverified.genesys", fmt.Sprintf("during-%d", n), "body"))
				return err
			}); err != nil {
				t.Errorf("publish while setup runs = %v", err)
				break
			}
		}
		count <- n
	}()
	all := map[string]bool{}
	done = func() map[string]bool {
		for {
			select {
			case id := <-worked:
				all[id] = true
			default:
				return all
			}
		}
	}
	return done, func() int { cancel(); return <-count }
}
