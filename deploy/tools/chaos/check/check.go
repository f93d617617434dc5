package check

import (
	"fmt"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

// stepSlack is how long after its last look at the clock a verifier may take to store an outcome.
const stepSlack = 15 * time.Second

// clockGrain is how far apart two readings of one machine's clock may be, rounding included.
const clockGrain = time.Second

// policyLag is how long after a policy is live a verifier may still accept by the former one.
const policyLag = 5 * time.Second

// run is a history with what is looked up in it.
type run struct {
	history.History
	*Report
	attempts map[int]*history.Attempt
	answers  map[int]*history.Answer
	policies map[string][]history.Policy
	external map[string]bool
	outcomes []*outcome
	byID     map[string][]*outcome
	byKey    map[string][]*outcome // verified ones, in the order of the stream
	byN      map[int][]*outcome    // what the streams hold of an attempt, UNVERIFIED included
}

// Check judges a run.
func Check(h history.History) Report {
	r := &run{History: h, Report: &Report{Found: map[string][]string{}}, attempts: map[int]*history.Attempt{}, answers: map[int]*history.Answer{},
		policies: map[string][]history.Policy{}, external: map[string]bool{}, byID: map[string][]*outcome{}, byKey: map[string][]*outcome{},
		byN: map[int][]*outcome{}}
	r.index()
	for i := range h.Attempts {
		r.checkAnswer(&h.Attempts[i])
	}
	for _, o := range r.outcomes {
		r.checkOutcome(o)
	}
	r.checkOnce()
	for _, b := range h.Broken {
		r.add(Broken, "%s", b.Promise)
	}
	for _, c := range h.Crashes {
		r.add(Crashed, "%s: %s", c.Process, c.Detail)
	}
	r.count()
	return *r.Report
}

func (r *run) index() {
	for i := range r.Attempts {
		r.attempts[r.Attempts[i].N] = &r.Attempts[i]
	}
	for i := range r.Answers {
		r.answers[r.Answers[i].N] = &r.Answers[i]
	}
	for _, p := range r.Policies {
		r.policies[p.Webhook] = append(r.policies[p.Webhook], p)
	}
	for _, name := range r.Run.External {
		r.external[name] = true
	}
	for i := range r.Messages {
		o := newOutcome(&r.Messages[i])
		r.outcomes = append(r.outcomes, o)
		if !r.external[o.webhook] {
			r.byN[o.attempt] = append(r.byN[o.attempt], o)
		}
		if o.Stream == unverified {
			continue
		}
		id := o.id
		if a, ok := r.attempts[o.attempt]; ok && a.Kind == history.KindInjected {
			id = fmt.Sprint("injected ", a.N) // what is no request may have any id, or none
		}
		r.byID[id] = append(r.byID[id], o)
		if o.Stream == verified {
			o.key = r.keyOf(o)
			r.byKey[o.key] = append(r.byKey[o.key], o)
		}
	}
}

// keyOf returns the replay key of an outcome: of a webhook that the model does not know, the one that the outcome names.
func (r *run) keyOf(o *outcome) string {
	if p := r.policies[o.webhook]; len(p) > 0 {
		return replayKey(p[len(p)-1], o.request)
	}
	return o.webhook + "\x00" + o.one("Hookproof-Key")
}

// checkAnswer holds what a sender was told against what it sent, and what it was promised against the streams.
func (r *run) checkAnswer(a *history.Attempt) {
	answer, ok := r.answers[a.N]
	if !ok || answer.Status == 0 || answer.Status == 503 {
		return // it may be stored or not
	}
	if want := r.answerDue(a, answer.At); !want[answer.Status] {
		r.add(Misanswered, "attempt %d (%s) was answered %d", a.N, a.Kind, answer.Status)
	}
	stored := r.byN[a.N]
	switch {
	case answer.Status == 200 && len(stored) == 0:
		r.add(Lost, "attempt %d (%s, %s) was accepted as %s", a.N, a.Kind, a.Webhook, answer.ID)
	case answer.Status == 200 && stored[0].id != answer.ID:
		r.add(Mutated, "attempt %d was accepted as %s and stored as %s", a.N, answer.ID, stored[0].id)
	case answer.Status != 200 && len(stored) > 0:
		r.add(Phantom, "attempt %d (%s) was refused with %d and is on %s", a.N, a.Kind, answer.Status, stored[0].Subject)
	}
}

// answerDue returns the answers that an attempt may get, under every policy that may have been in force meanwhile.
func (r *run) answerDue(a *history.Attempt, answered time.Time) map[int]bool {
	if a.Kind == history.KindInjected {
		return map[int]bool{200: true}
	}
	due := map[int]bool{}
	for _, p := range r.inForce(a.Webhook, a.At, answered) {
		switch {
		case p.Gone:
			due[404] = true
		case int64(len(a.Body)) > p.MaxBody:
			due[413] = true
		default:
			due[200] = true
		}
	}
	if len(due) == 0 {
		due[404] = true
	}
	return due
}

// inForce returns the policies of a webhook that may have been in force at some time between two.
func (r *run) inForce(webhook string, from, until time.Time) (out []history.Policy) {
	versions := r.policies[webhook]
	for i, p := range versions {
		over := i+1 < len(versions) && versions[i+1].Live.Add(policyLag).Before(from)
		if !over && !p.Asked.After(until) {
			out = append(out, p)
		}
	}
	return out
}

func (r *run) count() {
	c := &r.Counts
	c.Attempts, c.Faults = len(r.Attempts), len(r.Faults)
	for _, a := range r.Attempts {
		switch answer, ok := r.answers[a.N]; {
		case !ok || answer.Status == 0 || answer.Status == 503:
			c.Unanswered++
		case answer.Status == 200:
			c.Accepted++
		}
	}
	for _, o := range r.outcomes {
		switch o.Stream {
		case verified:
			c.Verified++
		case rejected:
			c.Rejected++
			if o.reason == replayed {
				c.Replays++
			}
		case parked:
			c.Parked++
		}
	}
	for _, least := range []struct {
		what       string
		have, want int
	}{{"accepted", c.Accepted, 1}, {"verified", c.Verified, max(r.Run.MinVerified, 1)}, {"rejected", c.Rejected, 1},
		{"replays", c.Replays, 1}, {"faults struck", c.Faults, r.Run.MinFaults}} {
		if least.have < least.want {
			r.add(Inert, "%s: %d, at least %d must be", least.what, least.have, least.want)
		}
	}
}
