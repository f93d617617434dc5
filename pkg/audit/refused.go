package audit

import (
	"context"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
)

// Place is how far somebody has read what was not verified: the last sequence of each stream. The zero value is nothing.
type Place struct{ Rejected, Parked uint64 }

// Refused returns what was rejected or parked after a place, the newest first and limit entries at most, and the place
// after them. What is older than the limit is passed over.
func (a *Audit) Refused(ctx context.Context, after Place, limit int) ([]Entry, Place, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	rejected, err := newWalk(ctx, a.bus, source{stream: bus.StreamRejected}, event.Subject(event.Rejected, "*"), position{})
	if err != nil {
		return nil, after, err
	}
	parked, err := newWalk(ctx, a.bus, source{stream: bus.StreamParked}, event.Subject(event.Parked, "*"), position{})
	if err != nil {
		return nil, after, err
	}
	now := Place{rejected.after(after.Rejected), parked.after(after.Parked)}
	var entries []Entry
	for len(entries) < limit {
		w, m, err := newestOf(ctx, []*walk{rejected, parked})
		if err != nil {
			return nil, after, err
		}
		if m == nil {
			break
		}
		entries = append(entries, entry(w.stream, *m))
		w.take()
	}
	return entries, now, nil
}

// after makes a walk end before a sequence that was read already, and returns the newest one. A stream that was made anew
// begins with lower sequences, and is walked whole.
func (w *walk) after(read uint64) uint64 {
	if read <= w.last {
		w.first = max(w.first, read+1)
	}
	return w.last
}
