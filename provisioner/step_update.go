package provisioner

import (
	"context"
	"slices"
	"strings"

	"github.com/hookproof/hookproof/pkg/webhook"
)

// update writes what differs in Genesys Cloud, and says what of it somebody changed by hand.
func update() step {
	var names []string // of the fields to write
	return step{name: StepUpdate, phase: webhook.PhaseUpdating,
		done: func(_ context.Context, w *work) (_ bool, err error) {
			names, err = w.difference()
			return len(names) == 0, err
		},
		do: func(ctx context.Context, w *work) (string, error) {
			wish, err := w.wish()
			if err != nil {
				return "", err
			}
			wish.enabled = w.mayStayEnabled()
			if err := w.change(ctx, wish, names); err != nil {
				return "", err
			}
			return "written: " + strings.Join(names, ", "), nil
		},
	}
}

// difference returns the names of the fields to write, and takes note of changes made by hand. A secret is to be written
// unless it is certain that Genesys Cloud has it; from then on until it is written, nothing is certain.
func (w *work) difference() ([]string, error) {
	wish, err := w.wish()
	if err != nil {
		return nil, err
	}
	g := &w.Observed.Genesys
	names, byHand := compare(w.remote.fields(wish), w.seen.fields, g.Applied)
	if w.digest(wish.secret) != g.SecretDigest {
		names, g.SecretDigest = append(names, fieldSecret), ""
	}
	if w.seen.enabled && !w.mayStayEnabled() {
		names = append(names, fieldEnabled)
	}
	if g.Enabled && !w.seen.enabled || w.seen.enabled && !g.Enabled && g.Test != nil && !g.Test.Succeeded {
		byHand = append(byHand, fieldEnabled)
	}
	if len(byHand) > 0 {
		w.drifted(byHand)
	}
	return names, nil
}

func (w *work) drifted(names []string) {
	if d := w.Observed.Genesys.Drift; d != nil && slices.Equal(d.Fields, names) && !w.atRest {
		return // found by a pass before, which could not put it back
	}
	w.log.Warn("changed in Genesys Cloud by somebody else, it is put back", "fields", names)
	w.Observed.Genesys.Drift = &webhook.Drift{Fields: names, FoundAt: w.cfg.now()}
}

// mayStayEnabled reports whether events may go to the desired target while it is written: they do already, and no test
// said that it does not work. A target that is new is tested first.
func (w *work) mayStayEnabled() bool {
	t := w.Observed.Genesys.Test
	return w.seen.enabled && w.seen.target == w.Desired.TargetURI && (t == nil || t.Target != w.Desired.TargetURI || t.Succeeded)
}

// change writes fields, and takes note of it.
func (w *work) change(ctx context.Context, to wish, names []string) error {
	ctx, cancel := uninterrupted(ctx)
	defer cancel()
	e, err := w.remote.change(ctx, w.seen.id, to, names)
	if err != nil {
		return err
	}
	w.seen = &e
	w.applied(to, e)
	return nil
}
