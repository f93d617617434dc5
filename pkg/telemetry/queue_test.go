package telemetry

import (
	"context"
	"errors"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// stalled is an exporter that exports nothing until it is released.
type stalled struct {
	tracetest.InMemoryExporter
	entered  chan struct{}
	released chan struct{}
	err      error
}

func (s *stalled) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	select {
	case s.entered <- struct{}{}:
	default:
	}
	<-s.released
	return errors.Join(s.err, s.InMemoryExporter.ExportSpans(ctx, spans))
}

// dropped reads the counter of spans that were lost, by cause.
func dropped(t *testing.T, r sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	causes := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "hookproof.traces.dropped" {
				for _, p := range sum.DataPoints {
					cause, _ := p.Attributes.Value("cause")
					causes[cause.AsString()] += p.Value
				}
			}
		}
	}
	return causes
}

func snapshots(n int) []sdktrace.ReadOnlySpan {
	return make(tracetest.SpanStubs, n).Snapshots()
}

// TestQueueFull fills the queue while its exporter stalls. Every span is exported or counted, and nothing blocks.
func TestQueueFull(t *testing.T) {
	const n = queueSize + queueBatch + 100
	reader := sdkmetric.NewManualReader()
	exporter := &stalled{entered: make(chan struct{}, 1), released: make(chan struct{})}
	q := newQueue(exporter, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter(Scope))
	spans := snapshots(n)
	for _, s := range spans[:queueBatch] {
		q.OnEnd(s)
	}
	<-exporter.entered // the first batch is on its way, and the goroutine takes no more
	for _, s := range spans[queueBatch:] {
		q.OnEnd(s)
	}
	close(exporter.released)
	if err := q.ForceFlush(context.Background()); err != nil {
		t.Fatal(err)
	}
	exported := len(exporter.GetSpans())
	if got := dropped(t, reader)["queue_full"]; got == 0 || int64(exported)+got != n {
		t.Errorf("%d exported and %d counted as dropped, want %d together", exported, got, n)
	}
	if err := q.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := q.ForceFlush(context.Background()); err != nil {
		t.Errorf("flush after the end: %v", err)
	}
}

// TestQueueExportFails counts what the exporter could not deliver.
func TestQueueExportFails(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	exporter := &stalled{released: make(chan struct{}), err: errors.New("refused")}
	close(exporter.released)
	q := newQueue(exporter, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter(Scope))
	for _, s := range snapshots(3) {
		q.OnEnd(s)
	}
	if err := q.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := dropped(t, reader)["export"]; got != 3 {
		t.Errorf("%d counted as dropped, want 3", got)
	}
}

// TestQueueShutdownInTime gives up on an exporter that hangs once the caller's time is up.
func TestQueueShutdownInTime(t *testing.T) {
	exporter := &stalled{entered: make(chan struct{}, 1), released: make(chan struct{})}
	q := newQueue(exporter, sdkmetric.NewMeterProvider().Meter(Scope))
	defer close(exporter.released)
	for _, s := range snapshots(queueBatch) {
		q.OnEnd(s)
	}
	<-exporter.entered
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := q.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want the deadline's", err)
	}
}
