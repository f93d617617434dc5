package provisioner

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// Attributes of a provisioner's spans.
const (
	keyStep    = attribute.Key("hookproof.step")
	keyPhase   = attribute.Key("hookproof.phase")
	keyChanged = attribute.Key("hookproof.step.changed") // false: there was nothing to do
)

// traceTake starts the span of taking a config message, which goes on with the trace that the message carries. The record
// keeps its context, so that the passes on the message's behalf join it.
func (p *Provisioner) traceTake(ctx context.Context, d *bus.Delivery) (context.Context, trace.Span) {
	return p.cfg.Tracer.Start(telemetry.Extract(ctx, d.Msg.Header), "process "+telemetry.Clip(d.Msg.Subject), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithTimestamp(d.Fetched), trace.WithAttributes(telemetry.Messaging("process", semconv.MessagingOperationTypeProcess, telemetry.Clip(d.Msg.Subject))...))
}

// tracePass starts the span of a pass: within the trace of the message that it is made for, or, once that message's work
// was done, in a trace of its own with a link.
func (w *work) tracePass(ctx context.Context) (context.Context, trace.Span) {
	opts := []trace.SpanStartOption{trace.WithAttributes(telemetry.Webhook.String(w.Webhook))}
	began := telemetry.WithTraceparent(ctx, w.Trace)
	if w.atRest {
		if sc := trace.SpanContextFromContext(began); sc.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: sc}))
		}
		began = ctx
	}
	return w.cfg.Tracer.Start(began, "reconcile "+w.Webhook, opts...)
}

// traceStep takes a step within a span of its own.
func (w *work) traceStep(ctx context.Context, s step) error {
	ctx, span := w.cfg.Tracer.Start(ctx, "step "+s.name, trace.WithAttributes(
		telemetry.Webhook.String(w.Webhook), keyStep.String(s.name), keyPhase.String(string(s.phase))))
	defer span.End()
	before := w.revision
	err := w.step(ctx, s)
	span.SetAttributes(keyChanged.Bool(w.revision != before))
	if _, waits := errors.AsType[pauseError](err); err == nil || waits {
		return err
	}
	telemetry.Fail(span, errorType(err), explain(err))
	return err
}

// errorType is a value of error.type for a step that failed.
func errorType(err error) string {
	switch {
	case errors.Is(err, errLost), errors.Is(err, context.Canceled):
		return "interrupted"
	case lasting(err):
		return string(webhook.PhaseFailed)
	}
	return string(webhook.PhaseWaiting)
}
