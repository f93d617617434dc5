package bus

import (
	"testing"
	"time"
)

// A message is taken for younger than it is in no case, and for much older only while many wait.
func TestArrivals(t *testing.T) {
	const asked = 2 // so that 4 may be at hand
	a, start := newArrivals(asked), time.Now()
	at := func(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }
	take := func(now, want int) {
		t.Helper()
		if got := a.take(at(now)); !got.Equal(at(want)) {
			t.Errorf("taken at %d s: arrived at %s, want %d s", now, got.Sub(start), want)
		}
	}
	take(0, 0)
	take(1, 1)
	take(5, 5)
	a.held(at(5)) // until 20 s: what follows may have waited since
	take(20, 5)
	take(21, 5)
	take(22, 5)
	a.held(at(22)) // still behind
	take(23, 5)    // the message before the last four was taken at 5 s
	take(24, 20)   // was not asked for before the one of 20 s was taken
	take(25, 21)
	take(26, 22)
	take(27, 27) // four were taken without a wait
}
