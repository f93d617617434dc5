package provisioner

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/failpoint"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// maxConflicts bounds how often a message is tried at once when its record keeps changing.
const maxConflicts = 16

// message is a config message that was read.
type message struct {
	name     string // the webhook, from the subject
	sequence uint64
	desired  webhook.Webhook
	err      error // why it cannot be accepted
	trace    string
}

// take handles a config message: it becomes the desired state of its record, or is refused. Nil means that the record says
// so, and the message may be acknowledged.
func (p *Provisioner) take(ctx context.Context, d *bus.Delivery) error {
	m := p.parse(d)
	ctx, span := p.traceTake(ctx, d)
	defer span.End()
	m.trace = telemetry.Traceparent(ctx)
	if !event.ValidWebhook(m.name) {
		p.log.Warn("config message ignored: its subject names no webhook", "sequence", m.sequence)
		return nil
	}
	for range maxConflicts {
		if err := p.settle(ctx, m); !errors.Is(err, bus.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("webhook %s: %w", m.name, bus.ErrConflict)
}

func (p *Provisioner) parse(d *bus.Delivery) message {
	m := message{name: strings.TrimPrefix(d.Msg.Subject, webhook.ConfigRoot+"."), sequence: d.Sequence}
	w, err := webhook.ParseJSON(d.Msg.Data)
	m.desired, m.err = w, webhook.Merge(err, w.Check(p.cfg.Check))
	if m.err == nil && w.Webhook != m.name {
		m.err = webhook.FieldErrors{{Field: "webhook", Problem: fmt.Sprintf("is %s, but the message was published for %s", w.Webhook, m.name)}}
	}
	return m
}

// settle decides about a message by its record as it stands now.
func (p *Provisioner) settle(ctx context.Context, m message) error {
	v, err := p.load(ctx, m.name)
	switch {
	case err != nil:
		return err
	case m.sequence == v.ConfigSequence: // delivered again
		p.wake(v)
		return nil
	case v.Refused != nil && v.Refused.ConfigSequence == m.sequence:
		p.announce(*v.Refused)
		return nil
	case m.err != nil:
		return p.refuse(ctx, v, m, webhook.PhaseFailed)
	case m.desired.Generation > 0 && m.desired.Generation < v.Generation:
		m.err = fmt.Errorf("generation %d is older than %d, which was accepted before; use a greater one", m.desired.Generation, v.Generation)
		return p.refuse(ctx, v, m, webhook.PhaseStale)
	case m.late(v):
		p.announce(m.status(webhook.PhaseSuperseded))
		return nil
	}
	return p.accept(ctx, v, m)
}

// late reports whether a newer message was accepted before: one of a later place in the stream, unless generations say
// otherwise.
func (m message) late(v view) bool {
	overtakes := v.Desired != nil && v.Desired.Generation > 0 && m.desired.Generation > v.Desired.Generation
	return m.sequence < v.ConfigSequence && !overtakes
}

func (m message) status(phase webhook.Phase) webhook.Status {
	return webhook.Status{Webhook: m.name, Phase: phase, Generation: m.desired.Generation, ConfigSequence: m.sequence}
}

func (p *Provisioner) refuse(ctx context.Context, v view, m message, phase webhook.Phase) error {
	s := m.status(phase)
	s.Error, s.UpdatedAt = m.err.Error(), p.cfg.now()
	s.Fields, _ = errors.AsType[webhook.FieldErrors](m.err)
	s = v.Observed.Summary(s)
	if v.Refused = &s; v.Desired == nil {
		v.Status = s
	}
	if _, err := p.store(ctx, v); err != nil {
		return err
	}
	p.log.Warn("config refused", "webhook", m.name, "sequence", m.sequence, "phase", phase, "error", m.err)
	p.announce(s)
	return nil
}

func (p *Provisioner) accept(ctx context.Context, v view, m message) error {
	before := v.Status
	v.take(m, p.cfg)
	v, err := p.store(ctx, v)
	if err != nil {
		return err
	}
	failpoint.Hit(FailpointAccepted)
	p.log.Info("config accepted", "webhook", m.name, "sequence", m.sequence, "generation", m.desired.Generation)
	if before.ConfigSequence != 0 && !before.Phase.Final() {
		before.Phase, before.UpdatedAt = webhook.PhaseSuperseded, v.Status.UpdatedAt
		p.announce(before)
	}
	p.announce(v.Status)
	p.wake(v)
	return nil
}

// take makes the message the record's desired state. The lease stays: whoever holds it notices at its next write.
func (v *view) take(m message, cfg Config) {
	if v.Desired == nil || v.Desired.Removed() || v.Desired.Secret != m.desired.Secret {
		v.SecretRevision = 0 // the one that this becomes
	}
	s := m.status(webhook.PhaseValidating)
	v.Observed.Genesys.Drift = nil
	s = v.Observed.Summary(s)
	s.UpdatedAt = cfg.now()
	v.Desired, v.ConfigSequence, v.Trace, v.Status, v.Attempts = &m.desired, m.sequence, m.trace, s, 0
	v.Generation = max(v.Generation, m.desired.Generation)
	if v.Refused != nil && v.Refused.ConfigSequence < m.sequence {
		v.Refused = nil
	}
}

// wake tells the scheduler of a record before the mirror does, which would take a moment. It never waits.
func (p *Provisioner) wake(v view) {
	select {
	case p.taken <- v:
	default:
	}
}
