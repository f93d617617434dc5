package check

import "crypto/sha256"

// mac is HMAC-SHA256 as RFC 2104 writes it down, made of the hash alone: a model that shared the implementation of what it
// judges would share its faults.
func mac(key []byte, parts ...[]byte) []byte {
	const block = 64
	if len(key) > block {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	var inner, outer [block]byte
	copy(inner[:], key)
	copy(outer[:], key)
	for i := range block {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	in := sha256.New()
	in.Write(inner[:])
	for _, p := range parts {
		in.Write(p)
	}
	out := sha256.New()
	out.Write(outer[:])
	out.Write(in.Sum(nil))
	return out.Sum(nil)
}
