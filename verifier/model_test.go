package verifier

import (
	"maps"
	"slices"
	"testing"
)

// This is an explicit-state model of the claim protocol: every interleaving of two workers over two requests, the second a
// copy of the first with the same replay key. Any worker may crash between any two steps; a message that is not
// acknowledged is delivered again, also while its first worker is only stalled; and the policy may change once.
//
// The model of the protocol as built must keep every promise, and each broken variant must break the promise that the
// left-out step is there for: otherwise the model proves nothing.

// protocol is the protocol as built, or with steps left out.
type protocol struct {
	claimBeforeSignature bool // a key is claimed before the signature is checked
	anonymousClaim       bool // a claim does not say who owns it
	noMessageID          bool // outcomes carry no message id
	ackBeforePublish     bool
	noClaim              bool
	forgedCopy           bool // the second request is a forgery: same body, wrong signature
	policyChange         bool // once, at any time, the secret is revoked
}

// Promises that the model checks.
const (
	verifiedTwice = "one event verified twice"
	undecided     = "request acknowledged without an outcome"
	falseReplay   = "genuine event never verified"
	twoVerdicts   = "request with two verdicts although the policy did not change"
	forgeryPassed = "forgery verified"
)

// Steps of a worker.
const (
	idle int8 = iota
	fetched
	decided
	readyToPublish
	published
)

const (
	verdictVerified int8 = 1
	verdictRejected int8 = 2
	verdictReplay   int8 = 3
	nobody          int8 = -1
	somebody        int8 = 9
	maxDeliveries        = 3
)

type modelWorker struct{ step, message, verdict int8 }

// modelState is comparable, so that a map can hold the states that were visited.
type modelState struct {
	workers    [2]modelWorker
	acked      [2]bool
	deliveries [2]int8
	claim      int8    // the owner's message
	verified   [2]int8 // outcomes stored
	rejected   [2]int8
	changed    bool
}

func TestProtocolModel(t *testing.T) {
	for name, c := range map[string]struct {
		p    protocol
		want []string
	}{
		"as built":                            {protocol{}, nil},
		"as built, forged copy":               {protocol{forgedCopy: true}, nil},
		"as built, policy change":             {protocol{policyChange: true}, nil},
		"as built, both":                      {protocol{forgedCopy: true, policyChange: true}, nil},
		"claim before the signature":          {protocol{claimBeforeSignature: true, forgedCopy: true}, []string{falseReplay}},
		"anonymous claim":                     {protocol{anonymousClaim: true}, []string{falseReplay, twoVerdicts}},
		"no message id":                       {protocol{noMessageID: true}, []string{verifiedTwice}},
		"acknowledged before it is published": {protocol{ackBeforePublish: true}, []string{undecided, falseReplay}},
		"no claim":                            {protocol{noClaim: true}, []string{verifiedTwice}},
	} {
		t.Run(name, func(t *testing.T) {
			broken, states := c.p.explore()
			t.Logf("%d states", states)
			if want := slices.Sorted(slices.Values(c.want)); !slices.Equal(broken, want) {
				t.Errorf("broken promises = %q, want %q", broken, want)
			}
			if states < 100 {
				t.Errorf("only %d states: nothing was explored", states)
			}
		})
	}
}

// explore visits every state that can be reached and returns the promises that some state breaks.
func (p protocol) explore() (broken []string, states int) {
	start := modelState{claim: nobody}
	seen := map[modelState]bool{start: true}
	found := map[string]bool{}
	for queue := []modelState{start}; len(queue) > 0; queue = queue[1:] {
		for _, b := range p.check(queue[0]) {
			found[b] = true
		}
		for _, next := range p.next(queue[0]) {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), len(seen)
}

// check returns the promises that a state breaks.
func (p protocol) check(s modelState) (broken []string) {
	if s.verified[0]+s.verified[1] > 1 {
		broken = append(broken, verifiedTwice)
	}
	if p.forgedCopy && s.verified[1] > 0 {
		broken = append(broken, forgeryPassed)
	}
	for m := range s.acked {
		if s.acked[m] && !s.inWork(int8(m)) && s.verified[m]+s.rejected[m] == 0 {
			broken = append(broken, undecided)
		}
		if s.verified[m] > 0 && s.rejected[m] > 0 && !s.changed {
			broken = append(broken, twoVerdicts)
		}
	}
	done := s.acked[0] && s.acked[1] && s.workers[0].step == idle && s.workers[1].step == idle
	if done && !s.changed && s.verified[0]+s.verified[1] == 0 {
		broken = append(broken, falseReplay)
	}
	return broken
}

func (s modelState) inWork(m int8) bool {
	return slices.ContainsFunc(s.workers[:], func(w modelWorker) bool { return w.step != idle && w.message == m })
}

// next returns every state that one step leads to.
func (p protocol) next(s modelState) (all []modelState) {
	for i, w := range s.workers {
		if w.step != idle { // a crash forgets what the worker knew, and nothing else
			n := s
			n.workers[i] = modelWorker{}
			all = append(all, n)
		}
		switch w.step {
		case idle:
			all = append(all, p.fetch(s, i)...)
		case fetched:
			all = append(all, p.decide(s, i))
		case decided:
			all = append(all, p.claim(s, i))
		case readyToPublish:
			all = append(all, p.publish(s, i))
		case published:
			n := s
			n.acked[w.message], n.workers[i] = true, modelWorker{}
			all = append(all, n)
		}
	}
	if p.policyChange && !s.changed {
		n := s
		n.changed = true
		all = append(all, n)
	}
	return all
}

func (p protocol) fetch(s modelState, i int) (all []modelState) {
	for m := range int8(2) {
		if s.acked[m] || s.deliveries[m] == maxDeliveries {
			continue
		}
		n := s
		n.deliveries[m]++
		n.workers[i] = modelWorker{step: fetched, message: m}
		n.acked[m] = p.ackBeforePublish
		all = append(all, n)
	}
	return all
}

func (p protocol) decide(s modelState, i int) modelState {
	w := &s.workers[i]
	w.step, w.verdict = decided, verdictVerified
	if s.changed || p.forgedCopy && w.message == 1 {
		w.verdict = verdictRejected
	}
	return s
}

func (p protocol) claim(s modelState, i int) modelState {
	w := &s.workers[i]
	w.step = readyToPublish
	if p.noClaim || w.verdict == verdictRejected && !p.claimBeforeSignature {
		return s
	}
	switch {
	case s.claim == nobody && p.anonymousClaim:
		s.claim = somebody
	case s.claim == nobody:
		s.claim = w.message
	case s.claim != w.message && w.verdict == verdictVerified:
		w.verdict = verdictReplay
	}
	return s
}

func (p protocol) publish(s modelState, i int) modelState {
	w := &s.workers[i]
	w.step = published
	stored := &s.rejected[w.message]
	if w.verdict == verdictVerified {
		stored = &s.verified[w.message]
	}
	if *stored == 0 || p.noMessageID {
		*stored = min(*stored+1, 2)
	}
	return s
}
