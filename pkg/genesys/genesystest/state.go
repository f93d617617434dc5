package genesystest

import (
	"maps"

	"github.com/hookproof/hookproof/pkg/genesys"
)

// The kinds of webhooks, as State.Created counts them.
const (
	kindWebhook       = "webhook"
	kindOpenMessaging = "open-messaging"
)

// State is what has happened so far. As JSON it holds no secrets; in Go the webhooks hold theirs as secret.Text.
type State struct {
	// Calls counts requests by operation, those that a fault hit included; "Token" is the token endpoint and "Unknown"
	// whatever is no operation.
	Calls map[string]int `json:"calls"`
	// Created counts creations that had their effect, by kind: "webhook" and "open-messaging".
	Created map[string]int `json:"created"`
	// Tokens counts the tokens that were given out.
	Tokens int `json:"tokens"`
	// Tests counts connectivity tests by their status.
	Tests map[string]int `json:"tests"`
	// Deliveries counts events.
	Deliveries Deliveries `json:"deliveries"`
	// Webhooks and Integrations are what there is now, in the order of creation.
	Webhooks     []genesys.Webhook       `json:"webhooks"`
	Integrations []genesys.OpenMessaging `json:"integrations"`
	// PendingFaults counts the faults that have not been used up.
	PendingFaults int `json:"pendingFaults"`
}

// Deliveries counts what was sent to targets, without connectivity tests.
type Deliveries struct {
	// Events is how many genuine events there were; Accepted how many of them got a 2xx, GivenUp how many never did.
	Events   int `json:"events"`
	Accepted int `json:"accepted"`
	GivenUp  int `json:"givenUp"`
	// Attempts counts the attempts of genuine events by status; 0 is no answer in time.
	Attempts map[int]int `json:"attempts"`
	// Forged counts forged requests by kind.
	Forged map[Forgery]int `json:"forged"`
}

type counts struct {
	calls, created, tests map[string]int
	tokens                int
	deliveries            Deliveries
}

func newCounts() counts {
	return counts{
		calls: map[string]int{}, created: map[string]int{}, tests: map[string]int{},
		deliveries: Deliveries{Attempts: map[int]int{}, Forged: map[Forgery]int{}},
	}
}

// State returns a copy of what has happened so far.
func (s *Simulator) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{
		Calls: maps.Clone(s.counts.calls), Created: maps.Clone(s.counts.created), Tests: maps.Clone(s.counts.tests),
		Tokens: s.counts.tokens, Deliveries: s.counts.deliveries, PendingFaults: len(s.faults),
		Webhooks: []genesys.Webhook{}, Integrations: []genesys.OpenMessaging{},
	}
	st.Deliveries.Attempts = maps.Clone(st.Deliveries.Attempts)
	st.Deliveries.Forged = maps.Clone(st.Deliveries.Forged)
	for _, w := range s.webhooks {
		st.Webhooks = append(st.Webhooks, cloneWebhook(*w))
	}
	for _, i := range s.integrations {
		st.Integrations = append(st.Integrations, i.observed())
	}
	return st
}
