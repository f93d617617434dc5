package provisioner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// completionPause is how long to leave an integration alone that Genesys Cloud is still creating.
const completionPause = 2 * time.Second

// create creates the webhook, disabled, if it was not found. That it was begun is recorded first, so that one whose answer
// is lost is looked for by its name before another is created.
func create() step {
	return step{name: StepCreate, phase: webhook.PhaseCreating,
		done: func(_ context.Context, w *work) (bool, error) {
			g := &w.Observed.Genesys
			if w.seen != nil {
				g.Creating = nil
				return true, nil
			}
			g.Creating = &webhook.Creation{Name: w.Desired.DisplayName(), Target: w.Desired.TargetURI, At: w.cfg.now()}
			return false, nil
		},
		do: func(ctx context.Context, w *work) (string, error) {
			wish, err := w.wish()
			if err != nil {
				return "", err
			}
			ctx, cancel := uninterrupted(ctx)
			defer cancel()
			e, err := w.remote.create(ctx, wish)
			if err != nil {
				if !genesys.IsAmbiguous(err) {
					w.Observed.Genesys.Creating = nil
				}
				return "", err
			}
			w.seen, w.Observed.Genesys.ID, w.Observed.Genesys.Creating = &e, e.id, nil
			w.applied(wish, e)
			return "Genesys Cloud calls it " + e.id, nil
		},
	}
}

// uninterrupted returns a context for what should rather end than be broken off: it outlives ctx's cancellation by
// drainTime, and keeps its deadline.
func uninterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		deadline = time.Now().Add(time.Hour)
	}
	longer, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(drainTime, cancel) })
	return longer, func() { stop(); cancel() }
}

// complete waits until Genesys Cloud has created an integration, which it does in its own time.
func complete() step {
	return step{name: StepComplete, phase: webhook.PhaseCreating,
		done: func(_ context.Context, w *work) (bool, error) {
			w.Observed.Genesys.Enabled = w.seen.enabled
			return !w.seen.pending, nil
		},
		do: func(ctx context.Context, w *work) (string, error) {
			o, err := w.cfg.Genesys.WaitIntegration(ctx, w.seen.id)
			switch {
			case errors.Is(err, genesys.ErrCreation):
				return "", permanent(fmt.Errorf("%w; it is removed and created again at the next try", err))
			case errors.Is(err, context.DeadlineExceeded):
				return "", pauseError{"Genesys Cloud is still creating the integration", completionPause}
			case err != nil:
				return "", err
			}
			e := integrationEntity(o)
			w.seen, w.Observed.Genesys.Enabled = &e, e.enabled
			if w.Observed.Genesys.Applied.Shown != nil {
				w.Observed.Genesys.Applied.Shown = e.fields
			}
			return "", nil
		},
	}
}

// wish returns what Genesys Cloud shall hold, with the secret.
func (w *work) wish() (wish, error) {
	t, err := w.cfg.Secrets.Resolve(w.secretRef(), w.Webhook)
	return wish{Webhook: *w.Desired, allowlist: w.allowlist(), secret: t}, err
}

// applied takes note of what was written, and that Genesys Cloud has the secret.
func (w *work) applied(sent wish, shown entity) {
	g := &w.Observed.Genesys
	g.Applied = webhook.Applied{Sent: w.remote.fields(sent), Shown: shown.fields}
	g.SecretDigest, g.Enabled = w.digest(sent.secret), shown.enabled
}
