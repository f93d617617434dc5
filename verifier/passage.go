package verifier

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/check"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/failpoint"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/telemetry"
)

// passage is one message's way through the verifier, from fetch to outcome.
type passage struct {
	*bus.Delivery
	request *event.Request // nil when the message is unreadable
	ring    *policy.Ring   // what it was judged by; nil for an unknown webhook, and before the decision
	event.Judgement
	decided time.Time // when decide was done; the zero time when it was not
	claim   claimed   // zero when nothing was claimed
}

// age is how long ago the request was received, by this machine's clock against the ingress's.
func (g *passage) age() time.Duration { return failpoint.Now().Sub(g.request.ReceivedAt) }

// webhook returns the webhook for metrics: a name only if there is a policy for it.
func (g *passage) webhook() string {
	if g.ring == nil || g.request == nil {
		return telemetry.UnknownWebhook
	}
	return g.request.Webhook
}

// verdict returns the root of the outcome's subject.
func (g *passage) verdict() string {
	switch {
	case g.parked():
		return event.Parked
	case g.Verified():
		return event.Verified
	}
	return event.Rejected
}

func (g *passage) parked() bool {
	return g.Reason != "" && slices.Contains(event.ParkReasons(), g.Reason)
}

// claimed is what became of the claim of a replay key.
type claimed struct {
	bucket       string
	result       string // one of the claim results
	began, ended time.Time
	cached       bool // the key was known to be taken, so only its owner was read
}

// Results of a claim.
const (
	claimWon   = "won"   // the key was free
	claimOwn   = "own"   // the same request holds it, from a former delivery
	claimTaken = "taken" // another request holds it
	claimError = "error" // nothing is decided
)

const checkReplay = check.Replay

// checks lists the checks in the order in which they are made, with what the verdict says of each.
func (g *passage) checks() []check.Result {
	if g.ring == nil || g.ring.Err != nil {
		return check.List(nil, g.Reason)
	}
	return check.List(&g.ring.Policy, g.Reason)
}

// judged says what a sampler decides by.
func (g *passage) judged() trace.SpanStartEventOption {
	if g.Reason == "" {
		return asVerified
	}
	return trace.WithAttributes(append(g.found(), telemetry.Verdict.String(g.verdict()), telemetry.Reason.String(string(g.Reason)), telemetry.Detail.String(telemetry.Clip(g.Detail)))...)
}

// found says what people search for.
func (g *passage) found() []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 8)
	if r := g.request; r != nil {
		attrs = append(attrs, telemetry.Webhook.String(r.Webhook), telemetry.ID.String(r.ID))
		if r.ClientIP.IsValid() {
			attrs = append(attrs, semconv.ClientAddress(r.ClientIP.String()))
		}
	}
	return attrs
}
