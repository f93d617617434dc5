package provisioner

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// followAddresses reads the addresses that Genesys Cloud publishes, for an allowlist that follows them. Without an answer
// the last good one stays.
func followAddresses() step {
	return step{name: StepAddresses, phase: webhook.PhaseValidating,
		done: func(_ context.Context, w *work) (bool, error) {
			a := &w.Observed.Addresses
			if !w.Desired.Follows() {
				*a = webhook.Addresses{}
				return true, nil
			}
			a.Ranges = slices.DeleteFunc(slices.Clone(a.Ranges), func(r webhook.Range) bool {
				return !r.GoneAt.IsZero() && !w.cfg.now().Before(r.GoneAt.Add(w.cfg.AddressGrace))
			})
			return w.cfg.now().Before(a.ReadAt.Add(w.cfg.AddressRefresh)), nil
		},
		do: func(ctx context.Context, w *work) (string, error) {
			if w.cfg.Genesys == nil {
				return "", errNoCredentials()
			}
			published, err := w.cfg.Genesys.IPRanges(ctx, genesys.ServiceOpenMessaging)
			switch a := &w.Observed.Addresses; {
			case err != nil && len(a.Ranges) == 0:
				return "", err
			case err != nil:
				w.addressesOld = true
				w.log.Warn("published addresses not read, the last good answer stays", "readAt", a.ReadAt, "error", err)
				return "not read, those of " + a.ReadAt.Format(time.DateTime) + " UTC stay: " + err.Error(), nil
			}
			w.Observed.Addresses = w.merged(published)
			return "", nil
		},
	}
}

// merged returns the published ranges and those that left not long ago.
func (w *work) merged(published []netip.Prefix) webhook.Addresses {
	now := w.cfg.now()
	merged := webhook.Addresses{ReadAt: now}
	for _, p := range published {
		merged.Ranges = append(merged.Ranges, webhook.Range{Prefix: p})
	}
	for _, r := range w.Observed.Addresses.Ranges {
		if slices.Contains(published, r.Prefix) {
			continue
		}
		if r.GoneAt.IsZero() {
			r.GoneAt = now
		}
		merged.Ranges = append(merged.Ranges, r)
	}
	return merged
}

// allowlist returns the addresses that the desired allowlist stands for now.
func (w *work) allowlist() []netip.Prefix {
	list := w.Desired.Prefixes()
	for _, r := range w.Observed.Addresses.Ranges {
		list = append(list, r.Prefix)
	}
	return webhook.SortPrefixes(list)
}

// nextAddresses is when the published addresses are due again: to be read, or one of them to be given up.
func (w *work) nextAddresses() time.Time {
	a := w.Observed.Addresses
	if a.ReadAt.IsZero() {
		return time.Time{}
	}
	next := a.ReadAt.Add(w.cfg.AddressRefresh)
	if w.addressesOld {
		next = w.cfg.now().Add(w.cfg.MaxBackoff)
	}
	for _, r := range a.Ranges {
		if !r.GoneAt.IsZero() {
			next = earlier(next, r.GoneAt.Add(w.cfg.AddressGrace))
		}
	}
	return next
}

// earlier returns the earlier of two times, of which a zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
