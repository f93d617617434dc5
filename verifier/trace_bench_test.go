package verifier

import (
	"context"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/telemetry"
)

// encoding is an OTLP client that encodes what it is given, as the real one does, and sends it nowhere.
type encoding struct{}

func (encoding) Start(context.Context) error { return nil }
func (encoding) Stop(context.Context) error  { return nil }
func (encoding) UploadTraces(_ context.Context, spans []*otlp.ResourceSpans) error {
	for _, s := range spans {
		if _, err := proto.Marshal(s); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkTracing measures what traces and metrics cost per event: the ingress's two spans and the verifier's, without
// what they are about. The time is the goroutine's; cpu-ns/op is the process's, exporters included.
func BenchmarkTracing(b *testing.B) {
	exporter := func(ctx context.Context) (sdktrace.SpanExporter, error) { return otlptrace.New(ctx, encoding{}) }
	for _, c := range []struct {
		name, ratio string
		exporter    func(context.Context) (sdktrace.SpanExporter, error)
		reason      event.Reason
	}{
		{"off", "", nil, ""},
		{"verified, 1 % sampled", "0.01", exporter, ""},
		{"verified, all sampled", "1", exporter, ""},
		{"rejected, 1 % sampled", "0.01", exporter, event.SignatureMismatch},
	} {
		b.Run(c.name, func(b *testing.B) {
			env := map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": c.ratio}
			tel, err := telemetry.Setup(context.Background(), telemetry.Config{Service: "bench", Exporter: c.exporter,
				Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
			if err != nil {
				b.Fatal(err)
			}
			tr, capture := newTracing(tel.Tracer(), tel.Meter()), telemetry.NewPublishing(tel.Tracer(), tel.Meter())
			tracer := tel.Tracer()
			stored := func(context.Context) error { return nil }
			b.ReportAllocs()
			before := cpu()
			for b.Loop() {
				ctx, server := tracer.Start(context.Background(), telemetry.ServerSpan, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer))
				g := benchPassage(c.reason)
				_ = capture.Do(ctx, g.Msg, stored)
				server.End()
				_, _ = tr.store(context.Background(), g, &nats.Msg{Subject: g.verdict() + ".genesys", Header: nats.Header{}}, stored)
			}
			_ = tel.Shutdown(context.Background())
			b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func benchPassage(reason event.Reason) *passage {
	now := time.Now()
	g := &passage{Delivery: &bus.Delivery{Msg: &nats.Msg{Subject: "unverified.genesys", Header: nats.Header{}}, Fetched: now}, decided: now, ring: &policy.Ring{},
		request: &event.Request{ID: "01a20bcb-0075-723d-9902-226c07631c6a", Webhook: "genesys", ReceivedAt: now, RemoteAddr: "192.0.2.7:443", ClientIP: netip.AddrFrom4([4]byte{192, 0, 2, 7})}}
	if g.Reason = reason; reason == "" {
		g.claim = claimed{bucket: bus.BucketReplayBody, result: claimWon, began: now, ended: now}
	}
	return g
}

// cpu is the time that the process has used of its processors.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // errs only on a wrong first argument
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
