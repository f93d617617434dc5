package console

import (
	"context"
	"slices"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
)

const (
	// slotWidth is the time that one point of a plot covers, slots how many there are.
	slotWidth = 10 * time.Second
	slots     = 90
	// settle is how long after its end a slot is read, so that a replica that lags has all of it.
	settle = time.Second
	// sampled is how many outcomes of a slot and stream the latencies are taken of: its first ones.
	sampled = 16
)

// outcomes are the streams that the history counts, each with the root of its subjects. The order is that of slot.from.
var outcomes = [...]struct{ stream, root string }{
	{bus.StreamVerified, event.Verified}, {bus.StreamRejected, event.Rejected}, {bus.StreamParked, event.Parked},
}

// slot is where the outcomes of a stretch of time begin in each stream, and how long some of them took.
type slot struct {
	start     time.Time
	from      [len(outcomes)]uint64 // the first sequence at start or later
	latencies []time.Duration       // from receipt to stored outcome, in ascending order
	complete  bool                  // it was read after its end
}

// point is what a plot shows of one stretch of time.
type point struct {
	Start                      time.Time
	Verified, Rejected, Parked uint64
	Latencies                  []time.Duration // a sample, in ascending order
}

// history knows how many outcomes there were in each stretch of time. A stream gives every outcome the next sequence, so a
// few reads by time count any number of them, for the whole pool and for the time before anybody looked.
type history struct {
	bus   *bus.Bus
	slots map[time.Time]slot
}

func newHistory(b *bus.Bus) *history { return &history{b, map[time.Time]slot{}} }

// advance reads the slots up to now that are not known, the newest first, and forgets the old ones.
func (h *history) advance(ctx context.Context, now time.Time) error {
	newest := newestSlot(now)
	oldest := newest.Add(-slots * slotWidth)
	for start := range h.slots {
		if start.Before(oldest) || start.After(newest) {
			delete(h.slots, start)
		}
	}
	ends, err := h.ends(ctx)
	for start := newest; err == nil && !start.Before(oldest); start = start.Add(-slotWidth) {
		if known, ok := h.slots[start]; ok && (known.complete || start.Equal(newest)) {
			continue
		}
		var s slot
		if s, err = h.read(ctx, start, ends); err == nil {
			s.complete = start.Before(newest)
			h.slots[start] = s
		}
	}
	return err
}

// newestSlot is the start of the slot that now is in.
func newestSlot(now time.Time) time.Time { return now.Add(-settle).Truncate(slotWidth) }

// ends returns the sequence after the last of each stream. It is asked for before the slots are read, so that it is where a
// slot begins of which nothing is stored.
func (h *history) ends(ctx context.Context) (ends [len(outcomes)]uint64, err error) {
	for i, o := range outcomes {
		state, err := h.bus.State(ctx, o.stream, "")
		if err != nil {
			return ends, err
		}
		ends[i] = state.LastSequence + 1
	}
	return ends, nil
}

func (h *history) read(ctx context.Context, start time.Time, ends [len(outcomes)]uint64) (slot, error) {
	s := slot{start: start, from: ends}
	for i, o := range outcomes {
		messages, err := h.bus.Since(ctx, o.stream, event.Subject(o.root, "*"), start, sampled)
		if err != nil {
			return slot{}, err
		}
		if len(messages) > 0 {
			s.from[i] = messages[0].Sequence
		}
		for _, m := range messages {
			if d, ok := latency(m); ok && o.stream != bus.StreamParked && m.Time.Before(start.Add(slotWidth)) {
				s.latencies = append(s.latencies, d)
			}
		}
	}
	slices.Sort(s.latencies)
	return s, nil
}

// latency is the time from the receipt of a request to its stored outcome, by the clocks of the ingress and of the NATS
// server. A request that was sent through again has none: it waited for a person.
func latency(m bus.Stored) (time.Duration, bool) {
	received, err := time.Parse(time.RFC3339Nano, m.Header.Get(event.HeaderReceivedAt))
	if err != nil || m.Header.Get(event.HeaderAttempt) != "" {
		return 0, false
	}
	return max(0, m.Time.Sub(received)), true
}

// points returns the complete slots, the oldest first, those that are not known yet left out.
func (h *history) points(now time.Time) []point {
	newest := newestSlot(now)
	var points []point
	for start := newest.Add(-slots * slotWidth); start.Before(newest); start = start.Add(slotWidth) {
		s, ok := h.slots[start]
		next, okNext := h.slots[start.Add(slotWidth)]
		if !ok || !okNext || !s.complete {
			continue
		}
		n := func(i int) uint64 { return max(next.from[i], s.from[i]) - s.from[i] } // a stream that was made anew begins at 1
		points = append(points, point{Start: start, Verified: n(0), Rejected: n(1), Parked: n(2), Latencies: s.latencies})
	}
	return points
}
