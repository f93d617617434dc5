package telemetry

import (
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/hookproof/hookproof/pkg/event"
)

const (
	// KeptPerSecond bounds the rejected or parked requests of one webhook and reason that are traced.
	KeptPerSecond = 100
	// maxLimits bounds the webhooks and reasons whose rate is remembered.
	maxLimits = 4096
)

// sampler keeps what was rejected or parked, up to a rate for each webhook and reason, and samples everything else as base
// does. Within a process a trace is whole: a span with a local parent is recorded if the parent is.
type sampler struct {
	base    sdktrace.Sampler
	limits  *lru.Cache[judged, *rate.Limiter]
	leftOut metric.Int64Counter
}

// judged is what a span says of its verdict.
type judged struct{ webhook, reason string }

func newSampler(base sdktrace.Sampler, meter metric.Meter) *sampler {
	limits, _ := lru.New[judged, *rate.Limiter](maxLimits) // errs only on a size below 1
	return &sampler{base: base, limits: limits, leftOut: Counter(meter, "hookproof.traces.left_out", "{trace}",
		"Rejected and parked requests that were not traced because of the cap.")}
}

// ShouldSample decides for one span.
func (s *sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if kept(p.ParentContext) {
		return keepResult(p)
	}
	if j, refused := verdict(p.Attributes); refused {
		if s.allow(j) {
			return keepResult(p)
		}
		s.leftOut.Add(p.ParentContext, 1, metric.WithAttributes(attribute.String("webhook", j.webhook), attribute.String("reason", j.reason)))
		return result(p, sdktrace.Drop)
	}
	if parent := trace.SpanContextFromContext(p.ParentContext); parent.IsValid() && !parent.IsRemote() {
		if parent.IsSampled() {
			return result(p, sdktrace.RecordAndSample)
		}
		return result(p, sdktrace.Drop)
	}
	return s.base.ShouldSample(p)
}

// Description names the sampler.
func (s *sampler) Description() string { return "ByVerdict{" + s.base.Description() + "}" }

func (s *sampler) allow(j judged) bool {
	l, ok := s.limits.Get(j)
	if !ok {
		l = rate.NewLimiter(KeptPerSecond, KeptPerSecond)
		if former, raced, _ := s.limits.PeekOrAdd(j, l); raced {
			l = former
		}
	}
	return l.AllowN(time.Now(), 1)
}

// verdict reads a span's verdict; refused is true for one that is not event.Verified.
func verdict(attrs []attribute.KeyValue) (j judged, refused bool) {
	for _, a := range attrs {
		switch a.Key {
		case Verdict:
			refused = a.Value.AsString() != event.Verified
		case Webhook:
			j.webhook = a.Value.AsString()
		case Reason:
			j.reason = a.Value.AsString()
		}
	}
	if j.reason == string(event.UnknownWebhook) || j.webhook == "" {
		j.webhook = UnknownWebhook // what a stranger made up neither multiplies the cap nor becomes a label
	}
	return j, refused
}

func keepResult(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	r := result(p, sdktrace.RecordAndSample)
	r.Attributes = []attribute.KeyValue{Kept.Bool(true)}
	return r
}

func result(p sdktrace.SamplingParameters, d sdktrace.SamplingDecision) sdktrace.SamplingResult {
	return sdktrace.SamplingResult{Decision: d, Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
}

type keptKey struct{}

// Keep makes every span that is started with the context be recorded: those that belong to a reject.
func Keep(ctx context.Context) context.Context { return context.WithValue(ctx, keptKey{}, true) }

func kept(ctx context.Context) bool { return ctx.Value(keptKey{}) != nil }
