package webhook

import (
	"cmp"
	"net/netip"

	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/route"
)

// Policy returns what the verifiers must know of the webhook: the ring holds its secrets, and allowlist the addresses that
// its Allowlist stands for, as Prefixes returns them. The webhook must have passed Check.
func (w Webhook) Policy(ring []policy.Secret, allowlist []netip.Prefix) policy.Policy {
	return policy.Policy{
		Format: policy.Format, Webhook: w.Webhook, Scheme: w.SignatureScheme(), Secrets: ring, Allowlist: allowlist,
		Tolerance: policy.Duration(duration(w.Tolerance, DefaultTolerance)), ReplayOff: w.Replay == ReplayOff, TypeField: w.EventType,
	}
}

// Route returns what the ingress may know of the webhook; allowlist is as for Policy. The webhook must have passed Check.
func (w Webhook) Route(allowlist []netip.Prefix) route.Route {
	r := route.Route{Webhook: w.Webhook, MaxBody: DefaultMaxBodyBytes, Allowlist: allowlist}
	if w.MaxBodyBytes != nil {
		r.MaxBody = *w.MaxBodyBytes
	}
	if l := w.RateLimit; l != nil {
		r.Rate, r.Burst = float64(l.MaxRequestsPerSecond), cmp.Or(l.BurstSize, l.MaxRequestsPerSecond)
	}
	return r
}
