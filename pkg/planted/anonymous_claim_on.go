//go:build planted_anonymous_claim

package planted

// AnonymousClaim is the switch of planted_anonymous_claim.
const AnonymousClaim = true
