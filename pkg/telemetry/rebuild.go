package telemetry

import (
	"context"
	"net"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookproof/hookproof/pkg/event"
)

// RebuildCapture makes the two spans of a capture anew, the ingress's server span and its publish span, under their own
// ids and from what the message says. The context is the one that the message carried; RebuildCapture does nothing when
// those spans were sampled, because then the ingress exported them itself.
func RebuildCapture(ctx context.Context, tracer trace.Tracer, r *event.Request) {
	publish := trace.SpanContextFromContext(ctx)
	if !publish.IsValid() || publish.IsSampled() {
		return
	}
	ctx = Keep(ctx)
	at := trace.WithTimestamp(r.ReceivedAt)
	server := publish.WithSpanID(rootOf(publish.TraceID()))
	ctx, serverSpan := tracer.Start(withIDs(ctx, server), ServerSpan, trace.WithNewRoot(), at,
		trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(captured(r)...))
	serverSpan.End(at)
	if publish.SpanID() == server.SpanID() {
		return
	}
	subject := event.Subject(event.Unverified, r.Webhook)
	_, publishSpan := tracer.Start(withIDs(ctx, publish), publishName+" "+subject, at, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(append(Messaging(publishName, semconv.MessagingOperationTypeSend, subject), Rebuilt.Bool(true))...))
	publishSpan.End(at)
}

// captured is what a rebuilt server span says. The answer's status is not known.
func captured(r *event.Request) []attribute.KeyValue {
	peer, _, _ := net.SplitHostPort(r.RemoteAddr) // empty where it is not in that form
	attrs := []attribute.KeyValue{
		semconv.HTTPRequestMethodPost, semconv.HTTPRoute(Route), semconv.URLPath("/webhooks/" + r.Webhook),
		semconv.NetworkPeerAddress(Clip(peer)), Webhook.String(r.Webhook), ID.String(r.ID), Rebuilt.Bool(true),
	}
	if r.ClientIP.IsValid() {
		attrs = append(attrs, semconv.ClientAddress(r.ClientIP.String()))
	}
	return attrs
}
