package provisioner

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// writeRoute lets the ingress take the webhook's requests.
func writeRoute() step {
	var have bus.Entry
	var want []byte
	return step{name: StepRoute, phase: webhook.PhaseRoute,
		done: func(ctx context.Context, w *work) (_ bool, err error) {
			if have, want, err = w.compareRoute(ctx); err != nil || have.Deleted || !bytes.Equal(have.Value, want) {
				return false, err
			}
			w.Observed.RouteRemovedAt = time.Time{}
			return true, nil
		},
		do: func(ctx context.Context, w *work) (string, error) {
			if _, err := w.put(ctx, bus.BucketRoutes, have, want); err != nil {
				return "", err
			}
			w.Observed.RouteRemovedAt, w.Observed.RouteWrittenAt = time.Time{}, w.cfg.now()
			return "", nil
		},
	}
}

func (w *work) compareRoute(ctx context.Context) (have bus.Entry, want []byte, err error) {
	if have, err = w.read(ctx, bus.BucketRoutes, w.Webhook); err != nil {
		return have, nil, fmt.Errorf("route: %w", err)
	}
	want, err = w.Desired.Route(w.allowlist()).Encode()
	return have, want, err
}
