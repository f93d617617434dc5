package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

// ids generates ids. The span id of a trace's root is the second half of the trace id, so that whoever knows the trace
// can name its root, also long after the root was not recorded.
type ids struct{}

// NewIDs returns the ids of a new root, or those that the context asks for.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if sc, ok := ctx.Value(idsKey{}).(trace.SpanContext); ok {
		return sc.TraceID(), sc.SpanID()
	}
	var id trace.TraceID
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], nonZero())
	return id, rootOf(id)
}

// NewSpanID returns the id of a new span in a trace, or the one that the context asks for.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if sc, ok := ctx.Value(idsKey{}).(trace.SpanContext); ok {
		return sc.SpanID()
	}
	var id trace.SpanID
	binary.NativeEndian.PutUint64(id[:], nonZero())
	return id
}

func nonZero() uint64 {
	for {
		if n := rand.Uint64(); n != 0 {
			return n
		}
	}
}

// rootOf returns the span id of a trace's root.
func rootOf(id trace.TraceID) trace.SpanID { return trace.SpanID(id[8:]) }

type idsKey struct{}

// withIDs makes the next span that is started with the context have the ids of sc.
func withIDs(ctx context.Context, sc trace.SpanContext) context.Context {
	return context.WithValue(ctx, idsKey{}, sc)
}
