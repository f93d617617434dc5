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

// checkOutcomes looks at all outcomes of one id. One passage has one outcome, after a verdict of verified there is no further
// passage, and what the headers explain is allowed. A second copy of a rejected or parked outcome is not, although hookproof
// promises those at least once: their streams forget message ids after two minutes, and no run keeps a request that long between its outcome
// and its acknowledgement. A scenario that does needs an allowance here.
func (r *run) checkOutcomes(all []*outcome) {
	var once *outcome // that verified it
	for _, o := range all {
		if o.Stream == verified && (once == nil || o.passage < once.passage) {
			once = o
		}
	}
	passages := map[int]bool{}
	for _, o := range all {
		if o.Stream == verified || r.explained(o, once) {
			continue // two that are verified are in another set
		}
		if passages[o.passage] || once != nil && o.passage >= once.passage {
			r.add(DecidedTwice, "attempt %d, %s: %s %s and %s %s", o.attempt, o.id, all[0].Stream, all[0].reason, o.Stream, o.reason)
			return
		}
		passages[o.passage] = true
	}
}

// explained reports whether an outcome may stand beside another of its request.
func (r *run) explained(o, verifiedOnce *outcome) bool {
	switch {
	case verifiedOnce != nil && o.revision > 0 && o.revision < verifiedOnce.revision: // rejected under an older policy
		return true
	case o.reason == undecidable && o.age()+r.Run.ClockSlack > r.Run.Horizon:
		return true
	}
	return r.Run.Forgets > 0 && (o.reason == replayed || o.reason == undecidable)
}
