package provisioner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/webhook"
)

const (
	// relist is how often all webhooks of Genesys Cloud are looked through for a second one of this name.
	relist = time.Hour
	// settle is how late a creation whose answer was lost may still take its effect.
	settle = 10 * time.Minute
)

// find looks the webhook up in Genesys Cloud, by its id or else by its name, and removes what there is beside it.
func find() step {
	return step{name: StepFind, phase: webhook.PhaseCreating,
		done: func(ctx context.Context, w *work) (bool, error) {
			if w.remote == nil {
				return false, errNoCredentials()
			}
			w.Observed.Genesys.Kind = w.Desired.Kind
			err := w.observe(ctx)
			return len(w.surplus) == 0, err
		},
		do: func(ctx context.Context, w *work) (string, error) {
			for _, e := range w.surplus {
				if err := w.remote.remove(ctx, e.id); err != nil && !genesys.IsNotFound(err) {
					return "", err
				}
				w.log.Warn("surplus webhook removed in Genesys Cloud", "genesysId", e.id, "name", e.name, "failed", e.failed)
			}
			return fmt.Sprintf("removed in Genesys Cloud: %d of the same name and target, or whose creation failed", len(w.surplus)), nil
		},
	}
}

// observe reads what Genesys Cloud has.
func (w *work) observe(ctx context.Context) error {
	g := &w.Observed.Genesys
	w.seen, w.surplus = nil, nil
	if g.ID != "" {
		e, err := w.remote.get(ctx, g.ID)
		switch {
		case genesys.IsNotFound(err):
			w.deleted()
		case err != nil:
			return err
		default:
			w.seen = &e
		}
	}
	if w.listed() {
		return nil
	}
	all, err := w.remote.list(ctx)
	if err != nil {
		return err
	}
	w.choose(all)
	if g.Creating != nil { // it was begun by an earlier pass
		g.SettleBy = g.Creating.At.Add(settle)
	}
	g.ListedAt = w.cfg.now()
	return nil
}

// listed reports whether it is no use to look through all webhooks.
func (w *work) listed() bool {
	g := w.Observed.Genesys
	return w.seen != nil && !w.seen.failed && w.cfg.now().Before(g.ListedAt.Add(relist)) && !g.ListedAt.Before(g.SettleBy)
}

// deleted takes note that somebody deleted the webhook by hand. What replaces it has everything to prove anew.
func (w *work) deleted() {
	w.log.Warn("the webhook was deleted in Genesys Cloud by somebody else", "genesysId", w.Observed.Genesys.ID)
	w.Observed.Genesys = webhook.Remote{Kind: w.Desired.Kind,
		Drift: &webhook.Drift{Fields: []string{webhook.FieldDeleted}, FoundAt: w.cfg.now()}}
}

// choose finds the webhook among all: the recorded one, else the oldest of the name, one with the right target first.
// What has the same name and target beside it came of a creation that was not answered. What another record has is left
// alone, and so is what has the name but sends elsewhere: somebody made it.
func (w *work) choose(all []entity) {
	taken := w.takenByOthers()
	all = slices.DeleteFunc(all, func(e entity) bool { return taken[e.id] || !w.ours(e) })
	for _, mine := range []func(entity) bool{w.sameTarget, func(entity) bool { return true }} {
		for _, e := range all {
			if w.seen == nil && !e.failed && mine(e) {
				w.seen = &e
				w.Observed.Genesys.ID = e.id
				w.log.Info("webhook found in Genesys Cloud by its name", "genesysId", e.id, "name", e.name)
			}
		}
	}
	for _, e := range all {
		if (w.seen == nil || e.id != w.seen.id || e.failed) && w.sameTarget(e) {
			w.surplus = append(w.surplus, e)
		}
	}
	if w.seen != nil && w.seen.failed {
		w.seen, w.Observed.Genesys.ID = nil, ""
	}
}

// ours reports whether a webhook has the desired name, or that of a creation that was begun.
func (w *work) ours(e entity) bool {
	c := w.Observed.Genesys.Creating
	return e.name == w.Desired.DisplayName() || c != nil && e.name == c.Name && e.target == c.Target
}

func (w *work) sameTarget(e entity) bool {
	c := w.Observed.Genesys.Creating
	return e.target == w.Desired.TargetURI || c != nil && e.target == c.Target
}

// takenByOthers returns the ids that other webhooks' records have.
func (w *work) takenByOthers() map[string]bool {
	taken := map[string]bool{}
	for name, other := range w.records.All() {
		if id := other.Observed.Genesys.ID; id != "" && name != w.Webhook {
			taken[id] = true
		}
	}
	return taken
}
