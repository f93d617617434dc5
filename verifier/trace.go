package verifier

import (
	"context"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/telemetry"
)

// tracing traces passages.
type tracing struct {
	tracer  trace.Tracer
	publish *telemetry.Publishing
}

func newTracing(tracer trace.Tracer, meter metric.Meter) *tracing {
	return &tracing{tracer, telemetry.NewPublishing(tracer, meter)}
}

// Options of most spans, made once because each costs an allocation.
var (
	asConsumer = trace.WithSpanKind(trace.SpanKindConsumer)
	asVerified = trace.WithAttributes(telemetry.Verdict.String(event.Verified))
)

// store stores the outcome of a passage within the spans of that passage, and writes their context into the outcome. The
// first span is back-dated to the fetch because it starts with the verdict in it: a sampler decides by what a span starts
// with. The context that it returns is of that span.
func (t *tracing) store(ctx context.Context, g *passage, m *nats.Msg, store func(context.Context) error) (context.Context, error) {
	carried := telemetry.Extract(ctx, g.Msg.Header)
	ctx, span := t.tracer.Start(carried, "process "+g.Msg.Subject, asConsumer, trace.WithTimestamp(g.Fetched), g.judged())
	defer span.End()
	if !span.IsRecording() {
		return ctx, t.publish.Unrecorded(ctx, m, store)
	}
	if g.Reason != "" {
		telemetry.Fail(span, string(g.Reason), describe(g.Verdict))
		ctx = telemetry.Keep(ctx)
		t.rebuild(carried, g)
	}
	g.describeTo(span)
	t.claim(ctx, g.claim)
	return ctx, t.publish.Do(ctx, m, store)
}

// rebuild completes the trace of a reject with what the ingress did not record.
func (t *tracing) rebuild(carried context.Context, g *passage) {
	if g.request != nil {
		telemetry.RebuildCapture(carried, t.tracer, g.request)
	}
}

// describeTo completes a span that is recorded: the message, and an event for each check.
func (g *passage) describeTo(span trace.Span) {
	span.SetAttributes(g.found()...)
	span.SetAttributes(telemetry.Messaging("process", semconv.MessagingOperationTypeProcess, g.Msg.Subject)...)
	span.SetAttributes(semconv.MessagingConsumerGroupName(bus.ConsumerVerifier), semconv.MessagingMessageBodySize(len(g.Msg.Data)))
	if g.decided.IsZero() || g.parked() && g.Reason != event.ReplayTooOld {
		return // nothing was decided
	}
	for _, c := range g.checks() {
		at := g.decided
		if c.Name == checkReplay && !g.claim.ended.IsZero() {
			at = g.claim.ended
		}
		span.AddEvent("check "+c.Name, trace.WithTimestamp(at),
			trace.WithAttributes(telemetry.Check.String(c.Name), telemetry.CheckResult.String(c.Result)))
	}
}

// claim makes the span of a claim that has ended.
func (t *tracing) claim(ctx context.Context, c claimed) {
	if c.ended.IsZero() {
		return
	}
	_, span := t.tracer.Start(ctx, "claim "+c.bucket, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(c.began),
		trace.WithAttributes(semconv.DBSystemNameKey.String("nats"), semconv.DBOperationName("create"), semconv.DBCollectionName(c.bucket),
			telemetry.ClaimBucket.String(c.bucket), telemetry.ClaimResult.String(c.result)))
	span.End(trace.WithTimestamp(c.ended))
}

// describe says a verdict in words.
func describe(v event.Verdict) string {
	words, ok := map[event.Reason]string{
		event.UnknownWebhook:    "no policy knows this webhook",
		event.IPNotWhitelisted:  "the client address is not in the webhook's allowlist",
		event.MissingTimestamp:  "the request has no timestamp",
		event.TimestampSkew:     "the timestamp is not within the tolerance of the time of receipt",
		event.MissingSignature:  "the request has no signature",
		event.SignatureMismatch: "the signature is valid under no secret of the webhook",
		event.ReplayDetected:    "a request with the same authenticated content was verified before",
		event.Unreadable:        "the message is not one that an ingress writes",
		event.UnknownVersion:    "the message is of a format that this verifier does not know",
		event.Unresolvable:      "a secret of the webhook cannot be resolved",
		event.Panicked:          "the verifier panicked on the message",
		event.ReplayTooOld:      "whether this is a replay cannot be told any more",
		event.PolicyUnreadable:  "the webhook's policy is of a newer format, or damaged",
	}[v.Reason]
	if !ok {
		words = string(v.Reason)
	}
	if v.Detail != "" {
		words += " (" + v.Detail + ")"
	}
	return words
}
