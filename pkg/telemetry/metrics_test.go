package telemetry_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/hookproof/hookproof/pkg/telemetry"
)

// TestLabelsAtOnce measures under keys that many goroutines use for the first time at once.
func TestLabelsAtOnce(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test")
	counter := telemetry.Counter(meter, "events", "{event}", "")
	histogram := telemetry.Durations(meter, "wait", "", telemetry.RequestBounds())
	labels := telemetry.NewLabels(func(k int) []attribute.KeyValue { return []attribute.KeyValue{attribute.Int("key", k)} })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for k := range 100 {
				labels.Add(context.Background(), counter, 1, k)
				labels.Record(context.Background(), histogram, time.Second, k)
			}
		})
	}
	all.Wait()
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[int64]int64{}
	for _, m := range data.ScopeMetrics[0].Metrics {
		switch d := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range d.DataPoints {
				k, _ := p.Attributes.Value("key")
				got[k.AsInt64()] += p.Value
			}
		case metricdata.Histogram[float64]:
			for _, p := range d.DataPoints {
				k, _ := p.Attributes.Value("key")
				got[k.AsInt64()] += int64(p.Sum)
			}
		}
	}
	for k := range int64(100) {
		if got[k] != 16 {
			t.Errorf("key %d was measured %d times, want 16", k, got[k])
		}
	}
}
