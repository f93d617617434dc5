//go:build !planted_discard_old

package planted

// DiscardOld is the switch of planted_discard_old.
const DiscardOld = false
