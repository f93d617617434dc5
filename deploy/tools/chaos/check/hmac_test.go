package check

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"math/rand/v2"
	"testing"
)

// TestMAC holds the model's HMAC against the one of the standard library, for keys shorter and longer than a block.
func TestMAC(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	for size := range 200 {
		key, a, b := random(size), random(rng.IntN(300)), random(rng.IntN(300))
		h := hmac.New(sha256.New, key)
		h.Write(a)
		h.Write(b)
		if got, want := mac(key, a, b), h.Sum(nil); !bytes.Equal(got, want) {
			t.Errorf("key of %d bytes: %x, want %x", size, got, want)
		}
	}
}
