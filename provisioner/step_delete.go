package provisioner

import (
	"context"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// deleteRemote removes the webhook from Genesys Cloud: when it shall be absent, or lives in another API from now on.
func deleteRemote() step {
	return step{name: StepDelete, phase: webhook.PhaseRemoving,
		done: func(_ context.Context, w *work) (bool, error) {
			g := w.Observed.Genesys
			if g.ID == "" && g.Creating == nil {
				w.Observed.Genesys = webhook.Remote{}
				return true, nil
			}
			if remoteOf(g.Kind, w.cfg.Genesys) == nil {
				return false, errNoCredentials()
			}
			return false, nil
		},
		do: func(ctx context.Context, w *work) (string, error) {
			g := w.Observed.Genesys
			api := remoteOf(g.Kind, w.cfg.Genesys)
			ids, err := w.remains(ctx, api)
			if err != nil {
				return "", err
			}
			for _, id := range ids {
				if err := api.remove(ctx, id); err != nil && !genesys.IsNotFound(err) {
					return "", err
				}
			}
			w.Observed.Genesys = webhook.Remote{}
			return "", nil
		},
	}
}

// remains returns the ids of what has to go: the recorded webhook, and what came of a creation that was not answered.
func (w *work) remains(ctx context.Context, api remote) ([]string, error) {
	g := w.Observed.Genesys
	var ids []string
	if g.ID != "" {
		ids = append(ids, g.ID)
	}
	if g.Creating == nil {
		return ids, nil
	}
	all, err := api.list(ctx)
	taken := w.takenByOthers()
	for _, e := range all {
		if e.name == g.Creating.Name && e.target == g.Creating.Target && e.id != g.ID && !taken[e.id] {
			ids = append(ids, e.id)
		}
	}
	return ids, err
}
