package telemetry

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// MeterOr returns the meter, or one that measures nothing in place of nil.
func MeterOr(m metric.Meter) metric.Meter {
	if m == nil {
		return noop.Meter{}
	}
	return m
}

// Counter makes a counter. A mistake in its name goes to OpenTelemetry's error handler; the counter then counts nothing.
func Counter(m metric.Meter, name, unit, description string) metric.Int64Counter {
	c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
	if err != nil {
		otel.Handle(err)
		return noop.Int64Counter{}
	}
	return c
}

// Durations makes a histogram of durations in seconds, with the given upper bounds of its buckets.
func Durations(m metric.Meter, name, description string, bounds []float64) metric.Float64Histogram {
	h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(bounds...))
	if err != nil {
		otel.Handle(err)
		return noop.Float64Histogram{}
	}
	return h
}

// RequestBounds are for what somebody waits for: 0.5 ms to 10 s, where Genesys Cloud gives up.
func RequestBounds() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// QueueBounds are for what may wait in a stream: 1 ms to a day.
func QueueBounds() []float64 {
	return []float64{.001, .005, .01, .05, .1, .5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400}
}

// Gauge is an observable gauge: observe reports its values at each collection and must be quick.
type Gauge struct {
	Name, Unit, Description string
	Observe                 func(report func(value float64, labels ...attribute.KeyValue))
}

// Register adds the gauge to a meter.
func (g Gauge) Register(m metric.Meter) {
	_, err := m.Float64ObservableGauge(g.Name, metric.WithUnit(g.Unit), metric.WithDescription(g.Description),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			g.Observe(func(v float64, labels ...attribute.KeyValue) { o.Observe(v, metric.WithAttributes(labels...)) })
			return nil
		}))
	if err != nil {
		otel.Handle(err)
	}
}

// Labels keeps the attribute sets of measurements, built once for each key: building one costs more than measuring. Keys
// must come from a closed set. The zero value is not usable; it is safe for concurrent use.
type Labels[K comparable] struct {
	build func(K) []attribute.KeyValue
	mu    sync.Mutex                          // held while a set is added
	sets  atomic.Pointer[map[K]*attributeSet] // never changed, only replaced, so that reading costs nothing
}

// attributeSet is one set, as counters and as histograms take it.
type attributeSet struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

// NewLabels returns labels that are built by the given function.
func NewLabels[K comparable](build func(K) []attribute.KeyValue) *Labels[K] {
	l := &Labels[K]{build: build}
	l.sets.Store(&map[K]*attributeSet{})
	return l
}

// Add adds to a counter under the labels of a key.
func (l *Labels[K]) Add(ctx context.Context, c metric.Int64Counter, n int64, key K) {
	c.Add(ctx, n, l.of(key).add...)
}

// Record measures a duration under the labels of a key.
func (l *Labels[K]) Record(ctx context.Context, h metric.Float64Histogram, d time.Duration, key K) {
	h.Record(ctx, d.Seconds(), l.of(key).record...)
}

func (l *Labels[K]) of(key K) *attributeSet {
	if set, ok := (*l.sets.Load())[key]; ok {
		return set
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	with := metric.WithAttributeSet(attribute.NewSet(l.build(key)...))
	set := &attributeSet{[]metric.AddOption{with}, []metric.RecordOption{with}}
	sets := maps.Clone(*l.sets.Load())
	sets[key] = set
	l.sets.Store(&sets)
	return set
}

// Publishing traces and measures publishes.
type Publishing struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	labels   *Labels[publishKey]
}

type publishKey struct {
	root   string // of the subject
	failed bool
}

const publishName = "publish"

// producer is made once because each option costs an allocation.
var producer = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer)}

// NewPublishing returns what traces and measures publishes. A nil meter measures nothing.
func NewPublishing(tracer trace.Tracer, meter metric.Meter) *Publishing {
	return &Publishing{tracer: tracer,
		duration: Durations(MeterOr(meter), "messaging.client.operation.duration", "Time until a message was stored, tries included.", RequestBounds()),
		labels: NewLabels(func(k publishKey) []attribute.KeyValue {
			attrs := []attribute.KeyValue{semconv.MessagingSystemKey.String("nats"), semconv.MessagingOperationName(publishName), semconv.MessagingDestinationTemplate(DestinationTemplate(k.root))}
			if k.failed {
				attrs = append(attrs, semconv.ErrorTypeKey.String(notStored))
			}
			return attrs
		})}
}

const notStored = "not_stored"

// Do publishes a message within a span, whose context it writes into the message's headers.
func (p *Publishing) Do(ctx context.Context, m *nats.Msg, publish func(context.Context) error) error {
	began := time.Now()
	ctx, span := p.tracer.Start(ctx, publishName+" "+m.Subject, producer...)
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(append(Messaging(publishName, semconv.MessagingOperationTypeSend, m.Subject), semconv.MessagingMessageBodySize(len(m.Data)))...)
	}
	Inject(ctx, m.Header)
	err := publish(ctx)
	if err != nil {
		Fail(span, notStored, err.Error())
	}
	p.measure(ctx, m, began, err)
	return err
}

// Unrecorded publishes a message without a span of its own: for one whose parent is not recorded, and whose span nobody
// will ever rebuild.
func (p *Publishing) Unrecorded(ctx context.Context, m *nats.Msg, publish func(context.Context) error) error {
	began := time.Now()
	Inject(ctx, m.Header)
	err := publish(ctx)
	p.measure(ctx, m, began, err)
	return err
}

func (p *Publishing) measure(ctx context.Context, m *nats.Msg, began time.Time, err error) {
	root, _, _ := strings.Cut(m.Subject, ".")
	p.labels.Record(ctx, p.duration, time.Since(began), publishKey{root, err != nil})
}
