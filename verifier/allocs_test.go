//go:build !race

// The race detector has pools forget what they hold.

package verifier

import (
	"testing"

	"github.com/hookproof/hookproof/pkg/signature"
)

// Deciding is what every request costs, forged ones included.
func TestDecideAllocates(t *testing.T) {
	for name, most := range map[string]float64{signature.NameGenesysWebhook: 1, signature.NameGenesysOpenMessaging: 3} {
		s := named(t, name)
		r, ring := signed(t, s, receivedAt), ringOf(t, s)
		if got := testing.AllocsPerRun(100, func() { Decide(r, ring) }); got > most {
			t.Errorf("%s: Decide allocates %v times, want %v at most", name, got, most)
		}
	}
}
