package telemetry

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookproof/hookproof/pkg/event"
)

func rejectedSpan(webhook string, reason event.Reason) sdktrace.SamplingParameters {
	return sdktrace.SamplingParameters{ParentContext: context.Background(),
		Attributes: []attribute.KeyValue{Verdict.String(event.Rejected), Reason.String(string(reason)), Webhook.String(webhook)}}
}

func within(sampled, remote bool) context.Context {
	flags := trace.TraceFlags(0)
	if sampled {
		flags = trace.FlagsSampled
	}
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: flags, Remote: remote}))
}

func TestSamplerDecision(t *testing.T) {
	verified := []attribute.KeyValue{Verdict.String(event.Verified)}
	parked := []attribute.KeyValue{Verdict.String(event.Parked), Reason.String("PANIC")}
	for name, c := range map[string]struct {
		base   sdktrace.Sampler
		parent context.Context
		attrs  []attribute.KeyValue
		want   sdktrace.SamplingDecision
		kept   bool
	}{
		"a root as the base says":                 {base: sdktrace.AlwaysSample(), parent: context.Background(), want: sdktrace.RecordAndSample},
		"verified as the base says":               {base: sdktrace.NeverSample(), parent: within(true, true), attrs: verified, want: sdktrace.Drop},
		"rejected whatever the base says":         {base: sdktrace.NeverSample(), parent: within(false, true), attrs: rejectedSpan("w", event.TimestampSkew).Attributes, want: sdktrace.RecordAndSample, kept: true},
		"parked whatever the base says":           {base: sdktrace.NeverSample(), parent: context.Background(), attrs: parked, want: sdktrace.RecordAndSample, kept: true},
		"a child as its local parent":             {base: sdktrace.NeverSample(), parent: within(true, false), want: sdktrace.RecordAndSample},
		"a child of what is not recorded":         {base: sdktrace.AlwaysSample(), parent: within(false, false), want: sdktrace.Drop},
		"what belongs to a reject":                {base: sdktrace.NeverSample(), parent: Keep(within(false, false)), want: sdktrace.RecordAndSample, kept: true},
		"a child of a remote one as the base":     {base: sdktrace.ParentBased(sdktrace.NeverSample()), parent: within(true, true), want: sdktrace.RecordAndSample},
		"a remote one that sampled does not bind": {base: sdktrace.NeverSample(), parent: within(true, true), want: sdktrace.Drop},
	} {
		t.Run(name, func(t *testing.T) {
			got := newSampler(c.base, noop.Meter{}).ShouldSample(sdktrace.SamplingParameters{ParentContext: c.parent, Attributes: c.attrs})
			if got.Decision != c.want {
				t.Errorf("decision = %v, want %v", got.Decision, c.want)
			}
			if kept := len(got.Attributes) == 1 && got.Attributes[0].Key == Kept; kept != c.kept {
				t.Errorf("marked as kept = %t, want %t", kept, c.kept)
			}
		})
	}
}

// TestSamplerCap floods the sampler for ten seconds. Each webhook and reason has a cap of its own, but webhooks that
// nobody configured share one.
func TestSamplerCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSampler(sdktrace.AlwaysSample(), noop.Meter{})
		sampled := map[string]int{}
		try := func(kind, webhook string, reason event.Reason) {
			if s.ShouldSample(rejectedSpan(webhook, reason)).Decision == sdktrace.RecordAndSample {
				sampled[kind]++
			}
		}
		for i := range 10_000 {
			try("one", "one", event.SignatureMismatch)
			try("other reason", "one", event.MissingSignature)
			try("two", "two", event.SignatureMismatch)
			try("strangers", string(rune('a'+i%26)), event.UnknownWebhook)
			time.Sleep(time.Millisecond)
		}
		for kind, n := range sampled {
			if n < 10*KeptPerSecond || n > 11*KeptPerSecond {
				t.Errorf("%s: %d sampled in 10 s, want about %d", kind, n, 10*KeptPerSecond)
			}
		}
		if len(sampled) != 4 {
			t.Errorf("sampled %v, want four kinds", sampled)
		}
	})
}

func TestBaseSampler(t *testing.T) {
	for name, c := range map[string]struct {
		sampler, arg, want string
		err                bool
	}{
		"default":          {want: "ParentBased{root:AlwaysOnSampler"},
		"ratio":            {sampler: "traceidratio", arg: "0.01", want: "TraceIDRatioBased{0.01}"},
		"parent and ratio": {sampler: "parentbased_traceidratio", arg: "0.25", want: "ParentBased{root:TraceIDRatioBased{0.25}"},
		"off":              {sampler: "always_off", want: "AlwaysOffSampler"},
		"unknown":          {sampler: "most", err: true},
		"no ratio":         {sampler: "traceidratio", arg: "1%", err: true},
		"NaN":              {sampler: "traceidratio", arg: "NaN", err: true},
		"more than all":    {sampler: "parentbased_traceidratio", arg: "1.5", err: true},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"OTEL_TRACES_SAMPLER": c.sampler, "OTEL_TRACES_SAMPLER_ARG": c.arg}
			got, err := Config{Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}.baseSampler()
			if (err != nil) != c.err {
				t.Fatalf("error = %v, want one: %t", err, c.err)
			}
			if err == nil && (len(got.Description()) < len(c.want) || got.Description()[:len(c.want)] != c.want) {
				t.Errorf("sampler = %s, want %s", got.Description(), c.want)
			}
		})
	}
}
