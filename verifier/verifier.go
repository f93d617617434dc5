package verifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/metric"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/failpoint"
	"github.com/hookproof/hookproof/pkg/jsonpointer"
	"github.com/hookproof/hookproof/pkg/planted"
	"github.com/hookproof/hookproof/pkg/policy"
)

const (
	// maxHold is how long a worker may hold a message from fetch to publish. Longer, and the streams may have forgotten its
	// id, so it is given back.
	maxHold = 5 * time.Minute
	// horizonMargin is how long before the horizon an event is marked as a possible duplicate.
	horizonMargin = time.Minute
	// stepTimeout bounds a step on the bus that has no bound of its own.
	stepTimeout = 10 * time.Second
	// maxTypeLength bounds a CloudEvents type taken from a body, in bytes.
	maxTypeLength = 255
)

// Steps at which a test build can be made to fail.
const (
	StepFetched   = "fetched"
	StepDecided   = "decided"
	StepClaimed   = "claimed"
	StepPublished = "published"
)

// Config tunes a verifier. The zero value of a field stands for its default.
type Config struct {
	Name        string        // of this instance, as outcomes tell it
	Horizon     time.Duration // the topology's; default bus.DefaultHorizon
	Concurrency int           // messages in flight; default 512
	Drain       time.Duration // how long messages in flight may take once the verifier is told to stop; default 10 s
	Meter       metric.Meter  // what verdicts are measured with; nil measures nothing
}

// Verifier judges messages of UNVERIFIED. Any number of them share the work.
type Verifier struct {
	cfg      Config
	bus      *bus.Bus
	verified *bus.Publisher // of VERIFIED
	policies *policy.Store
	claims   *claims
	report   *Reporter
	tracing  *tracing
	metrics  *metrics
	log      *slog.Logger
}

// New returns a verifier that judges by the policies of the store and reports each verdict. Run starts it.
func New(cfg Config, b *bus.Bus, policies *policy.Store, report *Reporter) *Verifier {
	if cfg.Horizon <= 0 {
		cfg.Horizon = bus.DefaultHorizon
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 512
	}
	if cfg.Drain <= 0 {
		cfg.Drain = 10 * time.Second
	}
	return &Verifier{cfg: cfg, bus: b, verified: b.NewPublisher(bus.CommitConfigured), policies: policies, claims: newClaims(b), report: report,
		tracing: newTracing(report.tracer, cfg.Meter), metrics: newMetrics(cfg.Meter, policies), log: report.log}
}

// Run judges messages until ctx ends, then finishes those in flight and returns nil. It begins once the policies are loaded.
func (v *Verifier) Run(ctx context.Context) error {
	select {
	case <-v.policies.Loaded():
	case <-ctx.Done():
		return nil
	}
	return v.bus.Consume(ctx, bus.StreamUnverified, bus.ConsumerVerifier, v.cfg.Concurrency, v.cfg.Drain, v.handle)
}

// handle takes one message from fetch to a stored outcome. Nil acknowledges it; an error gives it back.
func (v *Verifier) handle(ctx context.Context, d *bus.Delivery) (err error) {
	g := &passage{Delivery: d}
	defer func() {
		if p := recover(); p != nil {
			v.log.Error("verifier panicked, the message is parked", "sequence", d.Sequence, "panic", fmt.Sprintf("%.200v", p))
			err = v.park(ctx, g, event.Panicked, "")
		}
	}()
	failpoint.Hit(StepFetched)
	if g.request, err = event.Decode(d.Msg); err != nil {
		return v.park(ctx, g, parkReason(err), err.Error())
	}
	if planted.ClaimFirst {
		v.claimUnchecked(ctx, g)
	}
	decision, err := v.decide(ctx, g)
	if err != nil {
		return err
	}
	if decision.Undecided != nil {
		return v.park(ctx, g, parkReason(decision.Undecided), decision.Undecided.Error())
	}
	failpoint.Hit(StepDecided)
	if g.Verified() {
		if err := v.claim(ctx, g, decision); err != nil {
			return err
		}
		failpoint.Hit(StepClaimed)
	}
	if g.Reason == event.ReplayDetected && g.age() > v.cfg.Horizon {
		return v.park(ctx, g, event.ReplayTooOld, "the key has an owner, but after so long it may be this very request")
	}
	return v.publish(ctx, g)
}

// decide decides by the policy at hand, and before a reject again by the newest, so that a rotation or a new route never
// costs a genuine event. It notes in the passage what was decided and by which policy.
func (v *Verifier) decide(ctx context.Context, g *passage) (Decision, error) {
	ring, _ := v.policies.Get(g.request.Webhook)
	d := Decide(g.request, ring)
	if !d.genuine() {
		ctx, cancel := context.WithTimeout(ctx, stepTimeout)
		defer cancel()
		var err error
		if ring, _, err = v.policies.Newest(ctx, g.request.Webhook, g.Fetched); err != nil {
			return Decision{}, fmt.Errorf("newest policy: %w", err)
		}
		d = Decide(g.request, ring)
	}
	g.ring, g.decided = ring, time.Now()
	g.Judgement = event.Judgement{Verdict: d.Verdict, Verifier: v.cfg.Name}
	if ring != nil {
		g.PolicyRevision = ring.Revision
	}
	return d, nil
}

// claim completes the judgement of a genuine request with the replay check.
func (v *Verifier) claim(ctx context.Context, g *passage, d Decision) error {
	g.Key = replayKey(g.request, g.ring.Scheme, d.presented)
	g.Type = eventType(g.request, g.ring)
	if g.ring.ReplayOff {
		g.ReplayUnchecked = true
		return nil
	}
	verdict, err := v.claims.claim(ctx, g, d)
	g.Verdict = verdict
	v.metrics.claim(ctx, g.claim)
	return err
}

// eventType reads the CloudEvents type that the policy names. Only printable ASCII becomes a header.
func eventType(r *event.Request, ring *policy.Ring) string {
	if ring.TypeField == "" {
		return ""
	}
	text, ok := jsonpointer.String(r.Body, ring.TypeField)
	if !ok || len(text) > maxTypeLength {
		return ""
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return ""
		}
	}
	return text
}

// publish stores the outcome.
func (v *Verifier) publish(ctx context.Context, g *passage) error {
	if held := time.Since(g.Fetched); held > maxHold {
		return fmt.Errorf("held for %s: given back instead of published", held)
	}
	if g.Verified() {
		g.PossibleDuplicate = g.age() > v.cfg.Horizon-horizonMargin
		return v.store(ctx, g, event.VerifiedMsg(g.request, g.Judgement))
	}
	return v.store(ctx, g, event.RejectedMsg(g.request, g.Judgement))
}

// park stores a message that cannot be judged, as it came.
func (v *Verifier) park(ctx context.Context, g *passage, reason event.Reason, detail string) error {
	g.Verdict = event.Verdict{Reason: reason, Detail: detail}
	return v.store(ctx, g, event.ParkedMsg(g.Msg, g.Sequence, v.cfg.Name, g.Verdict))
}

// store publishes an outcome, and tells of it once it is stored.
func (v *Verifier) store(ctx context.Context, g *passage, m *nats.Msg) error {
	var ack bus.Ack
	ctx, err := v.tracing.store(ctx, g, m, func(ctx context.Context) (err error) {
		ack, err = v.send(ctx, g, m)
		return err
	})
	if err != nil {
		return fmt.Errorf("publish %s: %w", m.Subject, err)
	}
	failpoint.Hit(StepPublished)
	v.metrics.outcome(ctx, g, ack.Duplicate)
	v.report.stored(ctx, g, ack.Duplicate)
	return nil
}

// send publishes an outcome. One that no stream can hold yet goes together with others; where another verifier may have
// published it, its own answer tells.
func (v *Verifier) send(ctx context.Context, g *passage, m *nats.Msg) (bus.Ack, error) {
	if g.Verified() && g.claim.result == claimWon && time.Now().Before(g.SoleUntil) {
		return v.verified.Publish(ctx, m, stepTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	return v.bus.Publish(ctx, m)
}

// parkReason maps why a message or its policy cannot be used.
func parkReason(err error) event.Reason {
	switch {
	case errors.Is(err, event.ErrVersion):
		return event.UnknownVersion
	case errors.Is(err, event.ErrUnreadable):
		return event.Unreadable
	case errors.Is(err, policy.ErrFormat):
		return event.PolicyUnreadable
	default:
		return event.Unresolvable
	}
}
