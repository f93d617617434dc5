package genesystest

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync"
)

// dice makes ids and choices. It is safe for concurrent use. Nothing that it makes protects anything.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newDice(seed uint64) *dice {
	if seed == 0 {
		seed = rand.Uint64()
	}
	return &dice{r: rand.New(rand.NewPCG(seed, 0))}
}

func (d *dice) bytes() (b [16]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range b {
		b[i] = byte(d.r.UintN(256))
	}
	return b
}

// id returns a UUID of version 4.
func (d *dice) id() string {
	b := d.bytes()
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// token returns an access token.
func (d *dice) token() string {
	a, b := d.bytes(), d.bytes()
	return hex.EncodeToString(append(a[:], b[:]...))
}

// hex returns 32 hexadecimal digits, the form of Open Messaging's message ids.
func (d *dice) hex() string {
	b := d.bytes()
	return hex.EncodeToString(b[:])
}

// chance reports true with the probability p.
func (d *dice) chance(p float64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.Float64() < p
}

// pick returns a number below n.
func (d *dice) pick(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}
