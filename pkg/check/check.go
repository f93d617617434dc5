// Package check names the checks that a verifier makes, in their order. In goes a policy and the reason of a verdict; out
// comes what that verdict says of each check. It makes no check itself.
package check

import (
	"slices"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
)

// Result is one check and what came of it.
type Result struct {
	Name   string `json:"name"`
	Result string `json:"result"` // one of the results
}

// Replay is the name of the replay check, the last one.
const Replay = "replay"

// Results of a check.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped" // a former check failed
	Off     = "off"     // the policy does not ask for it
)

// List lists the checks in the order in which they are made, with what the verdict says of each. The reason is empty for a
// verified event. A nil policy is an unknown webhook's, or one that cannot be used.
func List(p *policy.Policy, reason event.Reason) []Result {
	known := p != nil
	list := []struct {
		name    string
		on      bool
		reasons []event.Reason
	}{
		{"webhook", true, []event.Reason{event.UnknownWebhook}},
		{"address", known && len(p.Allowlist) > 0, []event.Reason{event.IPNotWhitelisted}},
		{"timestamp", known && p.Scheme.TimestampHeader != "", []event.Reason{event.MissingTimestamp, event.TimestampSkew}},
		{"signature", known, []event.Reason{event.MissingSignature, event.SignatureMismatch}},
		{"timestamp_in_body", known && p.Scheme.TimestampField != "", []event.Reason{event.MissingTimestamp, event.TimestampSkew}},
		{Replay, known && !p.ReplayOff, []event.Reason{event.ReplayDetected, event.ReplayTooOld}},
	}
	out := make([]Result, 0, len(list))
	failed := false
	for _, c := range list {
		result := Passed
		switch {
		case !c.on:
			result = Off
		case failed:
			result = Skipped
		case slices.Contains(c.reasons, reason):
			result, failed = Failed, true
		}
		out = append(out, Result{c.name, result})
	}
	return out
}
