package verifier

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/telemetry"
)

// metrics measures a verifier. Its labels come from closed sets: webhooks that have a policy, reasons, details.
type metrics struct {
	verdicts  metric.Int64Counter
	process   metric.Float64Histogram
	latency   metric.Float64Histogram
	claims    metric.Float64Histogram
	cacheHits metric.Int64Counter

	verdictLabels *telemetry.Labels[verdictKey]
	processLabels *telemetry.Labels[string]
	latencyLabels *telemetry.Labels[[2]string]
	claimLabels   *telemetry.Labels[[2]string]
}

type verdictKey struct{ webhook, verdict, reason, detail string }

func newMetrics(meter metric.Meter, policies *policy.Store) *metrics {
	meter = telemetry.MeterOr(meter)
	secretExpiry(policies).Register(meter)
	return &metrics{
		verdicts:  telemetry.Counter(meter, "hookproof.verdicts", "{request}", "Stored outcomes by webhook, verdict and reason."),
		process:   telemetry.Durations(meter, "messaging.process.duration", "Time from fetching a message to its stored outcome.", telemetry.RequestBounds()),
		latency:   telemetry.Durations(meter, "hookproof.outcome.latency", "Time from the receipt of a request to its stored outcome.", telemetry.QueueBounds()),
		claims:    telemetry.Durations(meter, "hookproof.claim.duration", "Time to claim a replay key, by result.", telemetry.RequestBounds()),
		cacheHits: telemetry.Counter(meter, "hookproof.replay.cache.hits", "{key}", "Replay keys that this process knew to be taken."),
		verdictLabels: telemetry.NewLabels(func(k verdictKey) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String("webhook", k.webhook), attribute.String("verdict", k.verdict), attribute.String("reason", k.reason), attribute.String("detail", k.detail)}
		}),
		processLabels: telemetry.NewLabels(func(verdict string) []attribute.KeyValue {
			return []attribute.KeyValue{semconv.MessagingSystemKey.String("nats"), semconv.MessagingOperationName("process"),
				semconv.MessagingDestinationTemplate(event.Unverified + ".{webhook}"), attribute.String("verdict", verdict)}
		}),
		latencyLabels: telemetry.NewLabels(func(k [2]string) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String("webhook", k[0]), attribute.String("verdict", k[1])}
		}),
		claimLabels: telemetry.NewLabels(func(k [2]string) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String("bucket", k[0]), attribute.String("result", k[1])}
		}),
	}
}

// outcome measures a passage whose outcome is stored; again says that a former delivery of it had stored and counted it.
func (m *metrics) outcome(ctx context.Context, g *passage, again bool) {
	now := time.Now()
	verdict, webhook := g.verdict(), g.webhook()
	m.processLabels.Record(ctx, m.process, now.Sub(g.Fetched), verdict)
	if again {
		return
	}
	key := verdictKey{webhook, verdict, string(g.Reason), g.Detail}
	if verdict == event.Parked {
		key.detail = "" // words of an error, not of a closed set
	}
	m.verdictLabels.Add(ctx, m.verdicts, 1, key)
	if g.request != nil {
		m.latencyLabels.Record(ctx, m.latency, max(0, now.Sub(g.request.ReceivedAt)), [2]string{webhook, verdict})
	}
}

// claim measures a claim.
func (m *metrics) claim(ctx context.Context, c claimed) {
	if c.cached {
		m.cacheHits.Add(ctx, 1)
	}
	m.claimLabels.Record(ctx, m.claims, c.ended.Sub(c.began), [2]string{c.bucket, c.result})
}

// secretExpiry tells when a webhook will have no valid secret any more. A ring with a secret that never expires has no
// value, and the end of a secret that was replaced is no news.
func secretExpiry(policies *policy.Store) telemetry.Gauge {
	return telemetry.Gauge{Name: "hookproof.secret.expiry", Unit: "s", Description: "When the last secret of a webhook expires, as Unix time.",
		Observe: func(report func(float64, ...attribute.KeyValue)) {
			for webhook, ring := range policies.All() {
				if at := lastExpiry(ring.Secrets); !at.IsZero() {
					report(float64(at.Unix()), attribute.String("webhook", webhook))
				}
			}
		}}
}

// lastExpiry returns when the last of the secrets expires, the zero time when one never does.
func lastExpiry(secrets []policy.Secret) time.Time {
	var last time.Time
	for _, s := range secrets {
		if s.NotAfter.IsZero() {
			return time.Time{}
		}
		if s.NotAfter.After(last) {
			last = s.NotAfter
		}
	}
	return last
}
