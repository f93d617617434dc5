package bus

import "time"

// arrivals bounds from below when messages arrived that waited in the client before they were taken, one after the other. The
// client has as many at hand as it asks for at once, or twice as many when it asks anew after a reconnection.
type arrivals struct {
	taken []time.Time // when the last messages were taken; a ring
	next  int
	// waiting is how many of the next messages may have waited, and since is when the first of them may have begun to.
	waiting int
	since   time.Time
}

func newArrivals(asked int) *arrivals { return &arrivals{taken: make([]time.Time, 2*asked)} }

// take returns a time before which the message that is taken now did not arrive.
func (a *arrivals) take(now time.Time) time.Time {
	asked := a.taken[a.next] // when so many were at hand that this one was not asked for yet
	a.taken[a.next] = now
	a.next = (a.next + 1) % len(a.taken)
	if a.waiting == 0 {
		return now
	}
	a.waiting--
	if asked.After(a.since) {
		return asked
	}
	return a.since
}

// held notes that nothing could be taken since a time.
func (a *arrivals) held(since time.Time) {
	if a.waiting == 0 {
		a.since = since
	}
	a.waiting = len(a.taken)
}
