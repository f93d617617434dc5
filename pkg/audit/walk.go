package audit

import (
	"context"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
)

const (
	firstWidth = 64
	maxWidth   = 1 << 24
	widen      = 8  // a window with few messages lets the next one be so many times wider
	fewEnough  = 16 // what counts as few
)

// walk goes backwards through a stream, from a sequence down. It reads windows of sequences, which are read forwards, and
// makes them wider where a subject is rare and narrower where a window is more than one read gives.
type walk struct {
	bus     *bus.Bus
	stream  string
	subject string
	since   time.Time // it ends before what is older
	first   uint64    // the lowest sequence to look at: the stream's first, or a later one
	last    uint64    // the stream's last sequence
	next    uint64    // the highest sequence that is in no window yet
	width   uint64
	found   []bus.Stored // the last window's rest, oldest first
	read    int          // how many messages were read
}

// newWalk returns a walk that begins at the sequence next, or at the newest where resume is false.
func newWalk(ctx context.Context, b *bus.Bus, s source, subject string, from position) (*walk, error) {
	state, err := b.State(ctx, s.stream, "")
	if err != nil {
		return nil, err
	}
	w := &walk{bus: b, stream: s.stream, subject: subject, since: from.since, first: max(state.FirstSequence, 1), last: state.LastSequence, next: state.LastSequence, width: firstWidth}
	if from.resume {
		w.next = min(w.next, *s.next)
	}
	if state.Messages == 0 {
		w.next = 0
	}
	return w, nil
}

// newest returns the newest message that was not taken yet, nil at the end.
func (w *walk) newest(ctx context.Context) (*bus.Stored, error) {
	for len(w.found) == 0 {
		if w.next < w.first || w.next == 0 {
			return nil, nil
		}
		if err := w.window(ctx); err != nil {
			return nil, err
		}
	}
	m := &w.found[len(w.found)-1]
	if m.Time.Before(w.since) {
		w.found, w.next = nil, 0
		return nil, nil
	}
	return m, nil
}

// take goes past the newest message.
func (w *walk) take() { w.found = w.found[:len(w.found)-1] }

// position is the highest sequence that is still to be looked at, 0 at the end.
func (w *walk) position() uint64 {
	switch {
	case len(w.found) > 0:
		return w.found[len(w.found)-1].Sequence
	case w.next < w.first:
		return 0
	}
	return w.next
}

// window reads one window below next.
func (w *walk) window(ctx context.Context) error {
	low := w.first
	if w.next-w.first >= w.width {
		low = w.next - w.width + 1
	}
	messages, complete, err := w.bus.Window(ctx, w.stream, w.subject, low, w.next)
	if err != nil {
		return err
	}
	w.read += len(messages)
	if !complete && low < w.next {
		w.width = max((w.next-low)/4, 1)
		return nil
	}
	if len(messages) < fewEnough {
		w.width = min(w.width*widen, maxWidth)
	}
	w.found, w.next = messages, low-1
	return nil
}
