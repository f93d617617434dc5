package telemetry

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Sizes of the queue of kept spans. A reject has up to six.
const (
	queueSize     = 8192
	queueBatch    = 512
	queueInterval = time.Second
	exportTimeout = 10 * time.Second
)

// split hands spans that are kept for their verdict to a queue of their own, so that a burst of verified traffic cannot
// push rejects out.
type split struct{ kept, others sdktrace.SpanProcessor }

// OnStart does nothing: both processors look at spans that have ended.
func (s split) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd hands a span on.
func (s split) OnEnd(span sdktrace.ReadOnlySpan) {
	for _, a := range span.Attributes() {
		if a.Key == Kept {
			s.kept.OnEnd(span)
			return
		}
	}
	s.others.OnEnd(span)
}

// ForceFlush exports what waits.
func (s split) ForceFlush(ctx context.Context) error {
	return errors.Join(s.kept.ForceFlush(ctx), s.others.ForceFlush(ctx))
}

// Shutdown exports what waits and stops.
func (s split) Shutdown(ctx context.Context) error {
	return errors.Join(s.kept.Shutdown(ctx), s.others.Shutdown(ctx))
}

// queue exports spans in batches and counts those that it has to drop, which the SDK's own processor does not tell.
type queue struct {
	exporter sdktrace.SpanExporter
	dropped  metric.Int64Counter
	spans    chan sdktrace.ReadOnlySpan
	flushes  chan chan struct{} // each is closed once what waited before it was exported
	stop     context.CancelFunc
	once     sync.Once
	done     chan struct{}
}

// newQueue starts the queue's goroutine, which Shutdown ends.
func newQueue(exporter sdktrace.SpanExporter, meter metric.Meter) *queue {
	ctx, stop := context.WithCancel(context.Background())
	q := &queue{exporter: exporter, spans: make(chan sdktrace.ReadOnlySpan, queueSize), flushes: make(chan chan struct{}), stop: stop, done: make(chan struct{}),
		dropped: Counter(meter, "hookproof.traces.dropped", "{span}", "Spans of rejected and parked requests that were lost on their way to the exporter.")}
	go q.run(ctx)
	return q
}

// OnStart does nothing.
func (q *queue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd queues a span; it never blocks.
func (q *queue) OnEnd(s sdktrace.ReadOnlySpan) {
	select {
	case q.spans <- s:
	default:
		q.drop(1, "queue_full")
	}
}

func (q *queue) drop(n int, cause string) {
	q.dropped.Add(context.Background(), int64(n), metric.WithAttributes(attribute.String("cause", cause)))
}

// ForceFlush returns once what was queued before is exported, or ctx ends.
func (q *queue) ForceFlush(ctx context.Context) error {
	exported := make(chan struct{})
	select {
	case q.flushes <- exported:
	case <-q.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-exported:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown exports what waits, ends the goroutine and stops the exporter. Spans that end afterwards are not exported.
func (q *queue) Shutdown(ctx context.Context) (err error) {
	q.once.Do(func() {
		q.stop()
		select {
		case <-q.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
		err = errors.Join(err, q.exporter.Shutdown(ctx))
	})
	return err
}

func (q *queue) run(ctx context.Context) {
	defer close(q.done)
	tick := time.NewTicker(queueInterval)
	defer tick.Stop()
	var batch []sdktrace.ReadOnlySpan
	for {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) == queueBatch {
				batch = q.export(batch)
			}
		case <-tick.C:
			batch = q.export(batch)
		case exported := <-q.flushes:
			batch = q.drain(batch)
			close(exported)
		case <-ctx.Done():
			q.drain(batch)
			return
		}
	}
}

// drain exports the batch and what waits in the channel.
func (q *queue) drain(batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	for {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) == queueBatch {
				batch = q.export(batch)
			}
		default:
			return q.export(batch)
		}
	}
}

// export exports a batch and returns it empty. The exporter tries again by itself what may pass.
func (q *queue) export(batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	if len(batch) == 0 {
		return batch
	}
	ctx, cancel := context.WithTimeout(context.Background(), exportTimeout)
	defer cancel()
	if err := q.exporter.ExportSpans(ctx, batch); err != nil {
		q.drop(len(batch), "export")
		otel.Handle(err)
	}
	clear(batch)
	return batch[:0]
}
