package telemetry

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Results of a provisioning step.
const (
	StepDone   = "done"
	StepRetry  = "retry"  // it failed and is tried again
	StepFailed = "failed" // somebody has to change something
)

// Provisioning measures a provisioner. The zero value is not usable; all methods of a nil Provisioning do nothing.
type Provisioning struct {
	steps metric.Int64Counter
	calls metric.Float64Histogram
	token atomic.Int64 // Unix time in seconds; 0 while there is none
}

// NewProvisioning returns the instruments of a provisioner.
func NewProvisioning(meter metric.Meter) *Provisioning {
	meter = MeterOr(meter)
	p := &Provisioning{
		steps: Counter(meter, "hookproof.provisioning.steps", "{step}", "Steps that a provisioner took, by phase and result."),
		calls: Durations(meter, "hookproof.genesys.call.duration", "Calls of the Genesys Cloud API, by operation and status.", RequestBounds()),
	}
	Gauge{Name: "hookproof.genesys.token.expiry", Unit: "s", Description: "When the token for the Genesys Cloud API expires, as Unix time.",
		Observe: func(report func(float64, ...attribute.KeyValue)) {
			if at := p.token.Load(); at != 0 {
				report(float64(at))
			}
		}}.Register(meter)
	return p
}

// Step counts a step of a phase, such as "creating", with its result: StepDone, StepRetry or StepFailed. Both must come
// from closed sets.
func (p *Provisioning) Step(ctx context.Context, phase, result string) {
	if p != nil {
		p.steps.Add(ctx, 1, metric.WithAttributes(attribute.String("phase", phase), attribute.String("result", result)))
	}
}

// Call measures an attempt of a call; it fits genesys.Config.Observe. A status of 0 means that there was no answer.
func (p *Provisioning) Call(op string, status int, _ error, took time.Duration) {
	if p == nil {
		return
	}
	text := "none"
	if status != 0 {
		text = strconv.Itoa(status)
	}
	p.calls.Record(context.Background(), took.Seconds(), metric.WithAttributes(attribute.String("operation", op), attribute.String("status", text)))
}

// TokenExpires tells when the token in use expires.
func (p *Provisioning) TokenExpires(at time.Time) {
	if p != nil {
		p.token.Store(at.Unix())
	}
}
