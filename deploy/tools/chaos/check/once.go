package check

import (
	"cmp"
	"maps"
	"slices"
)

// checkOnce asserts that each event was verified once and each request decided once.
func (r *run) checkOnce() {
	for _, key := range slices.Sorted(maps.Keys(r.byKey)) {
		all := r.byKey[key]
		slices.SortFunc(all, func(a, b *outcome) int { return cmp.Compare(a.Sequence, b.Sequence) })
		free := 1 + r.Run.Forgets
		for i, o := range all {
			sameID := slices.ContainsFunc(all[:i], func(former *outcome) bool { return former.id == o.id })
			if i > 0 && !r.declared(o) && (sameID || i >= free) {
				r.add(VerifiedTwice, "attempts %d and %d, ids %s and %s", all[0].attempt, o.attempt, all[0].id, o.id)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.byID)) {
		r.checkOutcomes(r.byID[id])
	}
}

// declared reports whether an event says that it may be a duplicate, and is old enough to.
func (r *run) declared(o *outcome) bool {
	return o.duplicate && o.age()+r.Run.ClockSlack > r.Run.Horizon
}

// checkOutcomes looks at all outcomes of one id. Two are allowed where the headers explain them.
func (r *run) checkOutcomes(all []*outcome) {
	if len(all) < 2 {
		return
	}
	var verifiedOnce *outcome
	for _, o := range all {
		if o.Stream == verified {
			verifiedOnce = o
		}
	}
	excess := 0
	for _, o := range all {
		switch {
		case o.Stream == verified: // more than one is in another set
		case verifiedOnce != nil && o.revision > 0 && o.revision < verifiedOnce.revision: // rejected under an older policy
		case o.reason == undecidable && o.age()+r.Run.ClockSlack > r.Run.Horizon:
		case r.Run.Forgets > 0 && (o.reason == replayed || o.reason == undecidable):
		default:
			excess++
		}
	}
	if limit := 1; excess > limit || verifiedOnce != nil && excess > 0 {
		r.add(DecidedTwice, "attempt %d, %s: %s %s and %s %s", all[0].attempt, all[0].id, all[0].Stream, all[0].reason, all[1].Stream, all[1].reason)
	}
}
