package console

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// interval is how often a reading is taken, and linger how long after the last look readings go on.
	interval = time.Second
	linger   = 15 * time.Second
	// freshWait bounds how long a page waits for a reading of its own time.
	freshWait = 3 * time.Second
)

// Why somebody cannot follow.
var (
	errCrowded  = errors.New("too many browsers follow this console; close one")
	errStopping = errors.New("this process is stopping")
)

// reading is a snapshot and the parts of the page that show it. It is not changed any more.
type reading struct {
	snapshot snapshot
	parts    map[string]string // HTML by part
}

// feed runs the reader while somebody looks and hands the last reading round. Those who follow wait on one channel and hold
// nothing of their own, so a slow one costs nothing and misses only what has been overtaken.
type feed struct {
	reader           *reader
	page             *page
	log              *slog.Logger
	interval, linger time.Duration
	stopped          chan struct{} // closed once run ends
	wake             chan struct{}

	mu      sync.Mutex
	last    *reading // nil before the first
	changed chan struct{}
	looked  time.Time // when somebody looked last
	viewers int
}

func newFeed(r *reader, p *page, log *slog.Logger) *feed {
	return &feed{reader: r, page: p, log: log, interval: interval, linger: linger, stopped: make(chan struct{}),
		wake: make(chan struct{}, 1), changed: make(chan struct{})}
}

// run reads until ctx ends and returns nil.
func (f *feed) run(ctx context.Context) error {
	defer close(f.stopped)
	for {
		next := f.wake
		var pause <-chan time.Time
		if f.watched(time.Now()) {
			f.read(ctx)
			next, pause = nil, time.After(f.interval)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-next:
		case <-pause:
		}
	}
}

func (f *feed) read(ctx context.Context) {
	s := f.reader.read(ctx)
	parts, err := f.page.parts(s)
	if err != nil {
		f.log.ErrorContext(ctx, "console", "error", err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = &reading{s, parts}
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed) watched(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.viewers > 0 || now.Sub(f.looked) < f.linger
}

// latest returns the last reading, nil before the first, and a channel that is closed at the next.
func (f *feed) latest() (*reading, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last, f.changed
}

// fresh returns a reading that began no earlier than an interval ago, or after a while the last one there is.
func (f *feed) fresh(ctx context.Context) *reading {
	began := time.Now()
	f.look(began, 0)
	ctx, cancel := context.WithTimeout(ctx, freshWait)
	defer cancel()
	for {
		r, changed := f.latest()
		if r != nil && r.snapshot.Taken.After(began.Add(-f.interval)) {
			return r
		}
		select {
		case <-changed:
		case <-f.stopped:
			return r
		case <-ctx.Done():
			return r
		}
	}
}

// join counts one who follows, until leave is called.
func (f *feed) join() (leave func(), err error) {
	select {
	case <-f.stopped:
		return nil, errStopping
	default:
	}
	if !f.look(time.Now(), 1) {
		return nil, errCrowded
	}
	return func() { f.look(time.Now(), -1) }, nil
}

// look notes that somebody looks and changes how many follow, unless they become too many.
func (f *feed) look(now time.Time, more int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if more > 0 && f.viewers+more > maxViewers {
		return false
	}
	f.looked, f.viewers = now, f.viewers+more
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return true
}
