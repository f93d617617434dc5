//go:build planted_ack_first

package planted

// AckFirst is the switch of planted_ack_first.
const AckFirst = true
