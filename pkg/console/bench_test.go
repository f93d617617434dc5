package console

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/health"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
)

// BenchmarkRead takes readings over streams that hold many outcomes of 1 KiB: the first one, which reads the history and the
// latest rejects, and those that follow it every second while somebody looks.
func BenchmarkRead(b *testing.B) {
	const outcomesEach = 100_000
	conn, _ := bustest.New(b, bus.Topology{})
	ctx := context.Background()
	for _, root := range []string{event.Verified, event.Rejected} {
		for i := range outcomesEach {
			m := &nats.Msg{Subject: root + ".w", Header: nats.Header{}, Data: make([]byte, 1<<10)}
			m.Header.Set(event.HeaderReceivedAt, time.Now().Format(time.RFC3339Nano))
			m.Header.Set(event.HeaderID, fmt.Sprint(i))
			m.Header.Set(event.HeaderReason, string(event.SignatureMismatch))
			if _, err := conn.Publish(ctx, m); err != nil {
				b.Fatal(err)
			}
		}
	}
	policies := policy.NewStore(conn, secret.Resolver{}, bustest.Log(b))
	cfg := Config{Webhooks: true, Streams: []string{bus.StreamUnverified, bus.StreamVerified, bus.StreamRejected, bus.StreamParked},
		Consumers: []health.Durable{{Stream: bus.StreamUnverified, Consumer: bus.ConsumerVerifier}}, Audit: audit.New(conn, policies, bustest.Log(b))}
	reading := func(b *testing.B, r *reader, p *page) {
		s := r.read(ctx)
		if _, err := p.parts(s); err != nil || s.Trouble != "" || s.Refused.Trouble != "" || len(s.History.Value) != slots || len(s.Refused.Value) != kept {
			b.Fatalf("%v, %d slots, %d rejects, %q", err, len(s.History.Value), len(s.Refused.Value), s.Trouble+s.Refused.Trouble)
		}
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			reading(b, newReader(cfg, conn, bustest.Log(b)), newPage(cfg))
		}
	})
	b.Run("next", func(b *testing.B) {
		r, p := newReader(cfg, conn, bustest.Log(b)), newPage(cfg)
		reading(b, r, p)
		b.ReportAllocs()
		for b.Loop() {
			reading(b, r, p)
		}
	})
}
