package provisioner

import (
	"context"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// drainPause is how long to wait before looking at the backlog again.
const drainPause = 500 * time.Millisecond

// removeRoute stops the ingress from taking requests.
func removeRoute() step {
	var have bus.Entry
	return step{name: StepUnroute, phase: webhook.PhaseRemoving,
		done: func(ctx context.Context, w *work) (_ bool, err error) {
			if have, err = w.read(ctx, bus.BucketRoutes, w.Webhook); err != nil || !have.Deleted {
				return false, err
			}
			if w.Observed.RouteRemovedAt.IsZero() {
				w.Observed.RouteRemovedAt = w.cfg.now()
			}
			return true, nil
		},
		do: func(ctx context.Context, w *work) (string, error) {
			if err := w.remove(ctx, bus.BucketRoutes, have); err != nil {
				return "", err
			}
			w.Observed.RouteRemovedAt = w.cfg.now()
			return "", nil
		},
	}
}

// drain waits until every request that was captured is judged. Ingresses follow the routes with a short delay, and a
// request may have begun before, so the backlog counts only after a grace.
func drain() step {
	return step{name: StepDrain, phase: webhook.PhaseRemoving,
		done: func(ctx context.Context, w *work) (bool, error) {
			if have, err := w.read(ctx, bus.BucketPolicies, w.Webhook); err != nil || have.Deleted {
				return true, err // nothing could be judged genuine any more
			}
			if rest := w.Observed.RouteRemovedAt.Add(w.cfg.RemovalGrace).Sub(w.cfg.now()); rest > 0 {
				return false, pauseError{"an ingress may still store what it has begun with", rest}
			}
			subject := event.Subject(event.Unverified, w.Webhook)
			state, err := w.bus.State(ctx, bus.StreamUnverified, subject)
			if err != nil {
				return false, fmt.Errorf("backlog: %w", err)
			}
			if state.Subjects[subject] > 0 {
				return false, pauseError{"captured requests are not yet judged", drainPause}
			}
			return true, nil
		},
	}
}

// removePolicy ends the webhook for the verifiers.
func removePolicy() step {
	var have bus.Entry
	return step{name: StepUnpolicy, phase: webhook.PhaseRemoving,
		done: func(ctx context.Context, w *work) (_ bool, err error) {
			if have, err = w.read(ctx, bus.BucketPolicies, w.Webhook); err != nil || !have.Deleted {
				return false, err
			}
			w.forget()
			return true, nil
		},
		do: func(ctx context.Context, w *work) (string, error) {
			if err := w.remove(ctx, bus.BucketPolicies, have); err != nil {
				return "", err
			}
			w.forget()
			return "", nil
		},
	}
}

// forget drops what belonged to the policy, the generated secret included.
func (w *work) forget() {
	o := &w.Observed
	o.PolicyRevision, o.Secrets, o.Epochs = 0, nil, nil
	o.Generated, o.Addresses, o.RouteWrittenAt = webhook.Generated{}, webhook.Addresses{}, time.Time{}
}
