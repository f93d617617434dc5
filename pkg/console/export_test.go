package console

import "time"

// MaxViewers is how many may follow.
const MaxViewers = maxViewers

// SetPace makes a console read at another pace. Call it before Run.
func (c *Console) SetPace(interval, linger time.Duration) {
	c.feed.interval, c.feed.linger = interval, linger
}

// ReadAt is when the console read last, the zero time if it never did.
func (c *Console) ReadAt() time.Time {
	if r, _ := c.feed.latest(); r != nil {
		return r.snapshot.Taken
	}
	return time.Time{}
}
