package verifier

import (
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
)

// checkAllowlist holds the client's address against the policy. The ingress resolved it; a request without one came
// through a trusted proxy that named none, or a malformed one.
func checkAllowlist(r *event.Request, ring *policy.Ring) event.Verdict {
	if policy.Allowed(ring.Allowlist, r.ClientIP) {
		return event.Verdict{}
	}
	v := event.Verdict{Reason: event.IPNotWhitelisted}
	if !r.ClientIP.IsValid() {
		v.Detail = event.DetailNoAddress
	}
	return v
}
