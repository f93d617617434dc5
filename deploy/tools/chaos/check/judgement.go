package check

import (
	"slices"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

// checkJudgement holds an outcome against what the model says under every policy that may have been in force.
func (r *run) checkJudgement(o *outcome) {
	due := r.due(o)
	isGenuine := slices.Contains(due, genuine)
	switch {
	case o.Stream == verified && !isGenuine && unsigned(due):
		r.add(Forged, "attempt %d, %s: verified, due is %v", o.attempt, o.id, due)
	case o.Stream == verified && !isGenuine:
		r.misjudged(o, due)
	case o.Stream == verified:
		r.checkMark(o)
	case o.Stream == rejected && o.reason == replayed && isGenuine:
		r.checkReplay(o)
	case o.Stream == parked && o.reason == undecidable && isGenuine:
		if o.age()+r.Run.ClockSlack <= r.Run.Horizon {
			r.add(Misjudged, "attempt %d: parked %s at an age of %s, within the horizon", o.attempt, o.reason, o.age())
		}
	case o.Stream == rejected && o.reason != replayed && slices.Contains(due, o.reason):
	default:
		r.misjudged(o, due)
	}
}

func (r *run) misjudged(o *outcome, due []string) {
	r.add(Misjudged, "attempt %d (%s): %s %s %s, due is %v", o.attempt, r.kind(o), o.Stream, o.reason, o.detail, due)
}

func (r *run) kind(o *outcome) string {
	if a, ok := r.attempts[o.attempt]; ok {
		return a.Kind
	}
	return "not recorded"
}

// unsigned reports whether no policy finds a valid signature.
func unsigned(due []string) bool {
	for _, v := range due {
		if v != mismatch && v != missingSignature && v != unknownWebhook {
			return false
		}
	}
	return true
}

// due returns the verdicts of the model under each policy that may have been in force from receipt to outcome.
func (r *run) due(o *outcome) []string {
	var out []string
	for _, p := range r.inForce(o.webhook, o.request.received, o.At) {
		if !p.Gone {
			out = append(out, judge(p, o.request)...)
		}
	}
	if len(out) == 0 {
		return []string{unknownWebhook}
	}
	return out
}

// checkMark holds the mark of a possible duplicate against the age of the event.
func (r *run) checkMark(o *outcome) {
	const margin = time.Minute // before the horizon
	limit := r.Run.Horizon - margin
	switch {
	case o.duplicate && o.age()+r.Run.ClockSlack <= limit:
		r.add(Misjudged, "attempt %d: called a possible duplicate at an age of %s", o.attempt, o.age())
	case !o.duplicate && o.age()-stepSlack-r.Run.ClockSlack > limit:
		r.add(Misjudged, "attempt %d: not called a possible duplicate at an age of %s", o.attempt, o.age())
	}
}

// redeliveryWindow is how soon after the first copy an equal one is an honest retry.
const redeliveryWindow = 120 * time.Second

// checkReplay looks for the other copy, and holds what is said about this one against it.
func (r *run) checkReplay(o *outcome) {
	if o.age()-stepSlack-r.Run.ClockSlack > r.Run.Horizon {
		r.add(Misjudged, "attempt %d: rejected as a replay at an age of %s, beyond the horizon", o.attempt, o.age())
		return
	}
	all := r.byKey[r.keyOf(o)]
	others := slices.DeleteFunc(slices.Clone(all), func(v *outcome) bool { return v.id == o.id })
	switch {
	case len(others) == 0 && len(all) > 0: // it was verified itself: decided twice
		return
	case len(others) == 0:
		r.add(FalseReplay, "attempt %d (%s), %s", o.attempt, r.kind(o), o.id)
		return
	}
	if !slices.ContainsFunc(others, func(owner *outcome) bool { return o.detail == r.detailDue(o, owner) }) {
		r.add(Misjudged, "attempt %d: a replay of attempt %d is called %q", o.attempt, others[0].attempt, o.detail)
	}
}

// detailDue tells an honest retry from a replay.
func (r *run) detailDue(o, owner *outcome) string {
	p := r.policies[o.webhook][0]
	mine, theirs := r.stampHeader(p, o), r.stampHeader(p, owner)
	apart := o.request.received.Sub(owner.request.received)
	switch {
	case p.Scheme == history.StandardWebhooks && mine != theirs: // signed anew by the sender
		return "redelivery"
	case mine == theirs && apart <= redeliveryWindow && apart >= -redeliveryWindow:
		return "redelivery"
	}
	return "replay"
}

func (r *run) stampHeader(p history.Policy, o *outcome) string {
	if p.Scheme == history.OpenMessaging {
		return "" // it is in the body, which is the same
	}
	return stamp(p, o.request)
}
