//go:build planted_claim_first

package planted

// ClaimFirst is the switch of planted_claim_first.
const ClaimFirst = true
