package verifier

import "context"

// claimUnchecked claims the key of a request of which nothing is known yet: the bug that planted.ClaimFirst switches on.
func (v *Verifier) claimUnchecked(ctx context.Context, g *passage) {
	ring, ok := v.policies.Get(g.request.Webhook)
	if !ok || ring.Err != nil {
		return
	}
	presented, _ := ring.Scheme.Read(g.request.Header)
	mine := claimant{g.request.ID, g.request.ReceivedAt, presented.Timestamp()}
	_, _ = v.claims.buckets[ring.ReplayBucket()].Claim(ctx, replayKey(g.request, ring.Scheme, presented), mine.encode())
}
