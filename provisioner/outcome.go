package provisioner

import (
	"context"
	"errors"
	"time"

	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// finish records that the desired state is reached. It writes nothing if the record says so already.
func (w *work) finish(ctx context.Context) error {
	w.Status.Phase = webhook.PhaseLive
	if w.Desired.Removed() {
		w.Status.Phase = webhook.PhaseRemoved
	}
	w.Status.Error, w.Status.Fields, w.Status.NextTry = "", nil, w.nextLook()
	w.Attempts, w.Lease = 0, webhook.Lease{}
	before := w.revision
	if err := w.save(ctx); err != nil {
		return err
	}
	if w.revision != before {
		w.log.Info("webhook is in its desired state", "phase", w.Status.Phase, "policyRevision", w.Status.PolicyRevision)
	}
	return nil
}

// nextLook is when there is something to do by itself.
func (w *work) nextLook() time.Time { return earlier(w.nextExpiry(), w.nextAddresses()) }

// nextExpiry is when the first of the old secrets is forgotten, which is then removed from the policy.
func (w *work) nextExpiry() time.Time {
	var next time.Time
	for _, s := range w.Observed.Secrets {
		if !s.NotAfter.IsZero() {
			next = earlier(next, s.NotAfter.Add(policy.EndedMemory))
		}
	}
	return next
}

// fail records what became of a step that did not succeed, and gives the lease back. It returns an error when the pass has
// to be made again without having been recorded, or after a pause.
func (w *work) fail(ctx context.Context, s step, err error) error {
	pause, waits := errors.AsType[pauseError](err)
	switch {
	case errors.Is(err, errLost):
		return err
	case ctx.Err() != nil:
		return w.release(ctx)
	case waits:
		w.openStep(s)
		w.open(s).Note, w.Lease = pause.why, webhook.Lease{}
		if err := w.save(ctx); err != nil {
			return err
		}
		return pause
	case lasting(err):
		w.cfg.Metrics.Step(ctx, string(s.phase), telemetry.StepFailed)
		w.Status.Phase, w.Status.NextTry, w.Attempts = webhook.PhaseFailed, time.Time{}, 0
	default:
		w.cfg.Metrics.Step(ctx, string(s.phase), telemetry.StepRetry)
		w.Attempts++
		w.Status.Phase, w.Status.NextTry = webhook.PhaseWaiting, w.cfg.now().Add(w.pause(err))
	}
	w.Status.Error = s.name + ": " + explain(err)
	w.Status.Fields, _ = errors.AsType[webhook.FieldErrors](err)
	w.Lease = webhook.Lease{}
	w.log.Warn("step failed", "step", s.name, "phase", w.Status.Phase, "attempts", w.Attempts, "error", err)
	return w.save(ctx)
}

// release gives the lease back when the pass was interrupted or the process ends, so that nobody has to wait for its end.
func (w *work) release(ctx context.Context) error {
	cause := context.Cause(ctx)
	if w.Lease.Holder == w.cfg.Instance && !errors.Is(cause, errInterrupted) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime/2)
		defer cancel()
		w.Lease = webhook.Lease{}
		_ = w.save(ctx) // at worst the lease runs out
	}
	return context.Canceled
}
