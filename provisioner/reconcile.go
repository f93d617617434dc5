package provisioner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/failpoint"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// maxSteps bounds the steps that a status keeps: a webhook that is put back again and again takes more.
const maxSteps = 32

// work is one pass over one webhook. One goroutine owns it.
type work struct {
	*Provisioner
	view
	stored []byte // the record as the bucket holds it
	log    *slog.Logger
	atRest bool // the desired state was reached when the pass began

	remote       remote   // where the webhook lives in Genesys Cloud; nil for the kind none
	seen         *entity  // the webhook there, once find was done; nil if there is none
	surplus      []entity // what is there beside it
	addressesOld bool     // the published addresses could not be read when they were due
}

// reconcile takes every step that the webhook's record asks for, and returns the record as it is left. An error says that
// the pass is to be made again: a pauseError after its time, another one as soon as it can be. A step's failure is not an
// error: the record tells it.
func (p *Provisioner) reconcile(ctx context.Context, name string) (view, error) {
	v, err := p.load(ctx, name)
	if err != nil || v.Desired == nil || v.Lease.HeldAgainst(p.cfg.Instance, p.cfg.now()) {
		return v, err
	}
	w := &work{Provisioner: p, view: v, log: p.log.With("webhook", name, "sequence", v.ConfigSequence)}
	w.atRest, w.remote = v.Status.Phase == webhook.PhaseLive, remoteOf(v.Desired.Kind, p.cfg.Genesys)
	if w.stored, err = w.Encode(); err != nil {
		return v, err
	}
	ctx, span := w.tracePass(ctx)
	defer span.End()
	for _, s := range w.steps() {
		if err := w.traceStep(ctx, s); err != nil {
			err = w.fail(ctx, s, err)
			return w.view, err
		}
	}
	err = w.finish(ctx)
	return w.view, err
}

// step compares, and if something differs closes the difference, with a record before and after. What a pass that died had
// begun is found again by comparing.
func (w *work) step(ctx context.Context, s step) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Lease*2/3)
	defer cancel()
	done, err := s.done(ctx, w)
	if err != nil {
		return err
	}
	if done {
		w.closeStep(s, "")
		return nil
	}
	w.openStep(s)
	if err := w.save(ctx); err != nil {
		return err
	}
	failpoint.Hit(Failpoint(s.name, PointBegun))
	w.log.Debug("step", "step", s.name)
	note, err := s.do(ctx, w)
	if err != nil {
		return err
	}
	failpoint.Hit(Failpoint(s.name, PointDone))
	w.closeStep(s, note)
	err = w.save(ctx)
	failpoint.Hit(Failpoint(s.name, PointRecorded))
	w.cfg.Metrics.Step(ctx, string(s.phase), telemetry.StepDone)
	return err
}

// openStep records that a step begins, and takes or keeps the lease.
func (w *work) openStep(s step) {
	w.Status.Phase, w.Status.Error, w.Status.Fields, w.Status.NextTry = s.phase, "", nil, time.Time{}
	w.Lease = webhook.Lease{Holder: w.cfg.Instance, Until: w.cfg.now().Add(w.cfg.Lease)}
	if w.open(s) == nil {
		w.Status.Steps = append(w.Status.Steps, webhook.Step{Name: s.name, StartedAt: w.cfg.now()})
		w.Status.Steps = w.Status.Steps[max(0, len(w.Status.Steps)-maxSteps):]
	}
}

// closeStep records that a step is done, if it was begun.
func (w *work) closeStep(s step, note string) {
	if open := w.open(s); open != nil {
		open.DoneAt, open.Note = w.cfg.now(), note
	}
}

// open returns the step that was begun and not ended, if it is s.
func (w *work) open(s step) *webhook.Step {
	if n := len(w.Status.Steps); n > 0 && w.Status.Steps[n-1].Name == s.name && w.Status.Steps[n-1].DoneAt.IsZero() {
		return &w.Status.Steps[n-1]
	}
	return nil
}

// save stores and announces the record if it has changed. The error is errLost when somebody else has changed it.
func (w *work) save(ctx context.Context) error {
	w.Status = w.Observed.Summary(w.Status)
	b, err := w.Encode()
	if err != nil || bytes.Equal(b, w.stored) {
		return err
	}
	w.Status.UpdatedAt = w.cfg.now()
	v, err := w.store(ctx, w.view)
	if errors.Is(err, bus.ErrConflict) {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	if err != nil {
		return err
	}
	w.view = v
	if w.stored, err = w.Encode(); err != nil {
		return err
	}
	w.announce(w.Status)
	return nil
}
