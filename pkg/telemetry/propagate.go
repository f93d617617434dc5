package telemetry

import (
	"context"
	"net/http"
	"strings"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// carrier reads and writes trace context in NATS headers: it writes lower case, as W3C Trace Context asks for and other
// NATS clients read, and reads any case. propagation.HeaderCarrier does neither.
type carrier nats.Header

func (c carrier) Get(key string) string {
	if v := c[key]; len(v) > 0 {
		return v[0]
	}
	for name, v := range c {
		if strings.EqualFold(name, key) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

func (c carrier) Set(key, value string) { c[strings.ToLower(key)] = []string{value} }

func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	return keys
}

// Inject writes the span context of ctx into a message's headers. Baggage is never carried.
func Inject(ctx context.Context, h nats.Header) {
	propagation.TraceContext{}.Inject(ctx, carrier(h))
}

// Extract returns ctx with the span context that a message's headers carry, if any.
func Extract(ctx context.Context, h nats.Header) context.Context {
	return propagation.TraceContext{}.Extract(ctx, carrier(h))
}

// Traceparent returns the span context of ctx as W3C Trace Context writes it, or "" when there is none.
func Traceparent(ctx context.Context) string {
	h := nats.Header{}
	Inject(ctx, h)
	return carrier(h).Get("traceparent")
}

// WithTraceparent returns ctx with the span context that Traceparent wrote, if any.
func WithTraceparent(ctx context.Context, text string) context.Context {
	return Extract(ctx, nats.Header{"traceparent": {text}})
}

// TraceID returns the trace id of ctx in hex, or "" when there is none.
func TraceID(ctx context.Context) string {
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// LinkFromHTTP returns a link to the span context that an HTTP request claims, if it claims a valid one. On the public
// side it is a stranger's word: worth a link, never a parent.
func LinkFromHTTP(h http.Header) (trace.Link, bool) {
	if len(h["Traceparent"]) == 0 {
		return trace.Link{}, false
	}
	sc := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(h)))
	return trace.Link{SpanContext: sc}, sc.IsValid()
}
