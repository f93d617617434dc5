package verifier

import (
	"errors"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
)

// Decision is what the checks found.
type Decision struct {
	event.Verdict
	// Undecided says why there is no verdict: a secret that might have signed cannot be resolved, or the policy cannot be
	// read. Such a request has to be parked.
	Undecided error
	presented signature.Presented // what a genuine request presented; the replay key is made of it
}

// Decide makes the checks in their order; the first that fails is the verdict. It is pure: every time is held against the
// time of receipt, and the same request and policy always give the same decision. A nil ring is an unknown webhook. The
// replay check is not among these, because it needs the bus.
//
// A secret that cannot be resolved leaves only those undecided that come to the signature: what fails without it is rejected,
// so that strangers cannot fill PARKED.
func Decide(r *event.Request, ring *policy.Ring) Decision {
	switch {
	case ring == nil:
		return rejected(event.UnknownWebhook, "")
	case errors.Is(ring.Err, policy.ErrFormat):
		return Decision{Undecided: ring.Err}
	}
	if v := checkAllowlist(r, ring); v.Reason != "" {
		return Decision{Verdict: v}
	}
	if v := checkTimestampHeader(r, ring); v.Reason != "" {
		return Decision{Verdict: v}
	}
	presented, v, err := checkSignature(r, ring)
	if v.Reason != "" || err != nil {
		return Decision{Verdict: v, Undecided: err}
	}
	if v := checkTimestampField(r, ring); v.Reason != "" {
		return Decision{Verdict: v}
	}
	return Decision{presented: presented}
}

// genuine reports whether every check was passed.
func (d Decision) genuine() bool { return d.Undecided == nil && d.Verified() }

func rejected(reason event.Reason, detail string) Decision {
	return Decision{Verdict: event.Verdict{Reason: reason, Detail: detail}}
}
