package bus

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// mirrorInterval is how often a mirror asks whether its bucket has changed.
	mirrorInterval = 250 * time.Millisecond
	// mirrorSpacing is how often it asks at most when somebody cannot wait.
	mirrorSpacing = 100 * time.Millisecond
	// mirrorRemind is how often it logs that it cannot.
	mirrorRemind = time.Minute
)

// Mirror keeps a decoded copy of a bucket in memory and follows its changes. It creates no consumer, because a role that
// may create consumers could put messages on any subject; it asks the bucket's stream for its last sequence instead, four
// times a second. It is safe for concurrent use.
type Mirror[T any] struct {
	bus    *Bus
	bucket string
	decode func(Entry) (T, error)
	log    *slog.Logger

	mu      sync.RWMutex
	entries map[string]mirrored[T]
	loaded  chan struct{} // closed once the bucket was read as it stood at the start
	changed chan struct{} // takes one note of a change, for whoever asks

	pass    chan struct{} // whoever has sent into it may follow the bucket and use the fields below
	began   time.Time     // when the last pass without an error began
	next    uint64        // the first sequence not yet seen
	created time.Time     // of the bucket's stream
	untold  bool          // entries have changed since changed was told
}

type mirrored[T any] struct {
	value    T
	revision uint64
	deleted  bool // kept, so that a read that was under way does not bring the former value back
}

// NewMirror returns a mirror that is empty until Run. An entry that decode refuses is logged and leaves the key's former
// value in place.
func NewMirror[T any](b *Bus, bucket string, decode func(Entry) (T, error), log *slog.Logger) *Mirror[T] {
	return &Mirror[T]{bus: b, bucket: bucket, decode: decode, log: log.With("bucket", bucket),
		entries: map[string]mirrored[T]{}, loaded: make(chan struct{}), changed: make(chan struct{}, 1),
		pass: make(chan struct{}, 1), next: 1, untold: true}
}

// Get returns the value under key.
func (m *Mirror[T]) Get(key string) (T, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e, ok := m.entries[key]
	return e.value, ok && !e.deleted
}

// All returns a copy of all entries.
func (m *Mirror[T]) All() map[string]T {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := make(map[string]T, len(m.entries))
	for k, e := range m.entries {
		if !e.deleted {
			all[k] = e.value
		}
	}
	return all
}

// Loaded is closed once the bucket was read for the first time.
func (m *Mirror[T]) Loaded() <-chan struct{} { return m.loaded }

// Changed delivers a note after the first reading of the bucket, and then after each that found something new. One reader may
// wait on it; the notes that it is late for are delivered as one.
func (m *Mirror[T]) Changed() <-chan struct{} { return m.changed }

// Run follows the bucket until ctx ends and then returns nil. What cannot be reached is tried again.
func (m *Mirror[T]) Run(ctx context.Context) error {
	var told time.Time
	for ctx.Err() == nil {
		if err := m.current(ctx, time.Now(), 0); err != nil && ctx.Err() == nil {
			if time.Since(told) >= mirrorRemind {
				told = time.Now()
				m.log.Warn("bucket cannot be followed, trying again", "error", err)
			}
			sleep(ctx, time.Second)
		}
		sleep(ctx, mirrorInterval)
	}
	return nil
}

// Current returns once the mirror holds everything that was stored before since, a time of this process. Calls share passes
// over the bucket, at most ten a second, so they take up to 100 ms and a round trip or two.
func (m *Mirror[T]) Current(ctx context.Context, since time.Time) error {
	return m.current(ctx, since, mirrorSpacing)
}

func (m *Mirror[T]) current(ctx context.Context, since time.Time, spacing time.Duration) error {
	select {
	case m.pass <- struct{}{}:
		defer func() { <-m.pass }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !m.began.Before(since) {
		return nil
	}
	sleep(ctx, time.Until(m.began.Add(spacing)))
	began := time.Now()
	if err := m.follow(ctx); err != nil {
		return err
	}
	m.began = began
	return nil
}

// follow reads every entry that is new since the last pass.
func (m *Mirror[T]) follow(ctx context.Context) error {
	state, err := m.bus.StateOfBucket(ctx, m.bucket)
	if err != nil {
		return err
	}
	if !state.Created.Equal(m.created) || state.LastSequence+1 < m.next {
		m.reset(state.Created) // another bucket of that name, or a restored one
	}
	for m.next <= state.LastSequence {
		s, err := m.bus.get(ctx, bucketStream(m.bucket), getRequest{Sequence: m.next, NextFor: keySubject(m.bucket, ">")})
		if errors.Is(err, ErrNotFound) {
			m.next = state.LastSequence + 1
			break
		}
		if err != nil {
			return err
		}
		m.apply(s.entry(m.bucket))
		m.next, m.untold = s.Sequence+1, true
	}
	select {
	case <-m.loaded:
	default:
		close(m.loaded)
	}
	if m.untold {
		m.untold = false
		select {
		case m.changed <- struct{}{}:
		default: // an earlier note still waits, and stands for this one too
		}
	}
	return nil
}

func (m *Mirror[T]) reset(created time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next, m.created, m.untold = 1, created, true
	clear(m.entries)
}

// apply takes an entry over, unless a newer one of its key is known.
func (m *Mirror[T]) apply(e Entry) {
	value, err := m.decode(e)
	if !e.Deleted && err != nil {
		m.log.Error("entry cannot be read, its former value stays", "key", e.Key, "revision", e.Revision, "error", err)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries[e.Key].revision > e.Revision {
		return
	}
	if e.Deleted {
		m.entries[e.Key] = mirrored[T]{revision: e.Revision, deleted: true}
		return
	}
	m.entries[e.Key] = mirrored[T]{value: value, revision: e.Revision}
}

// Refresh reads one key from the bucket's leader and decodes it anew, even if it has not changed.
func (m *Mirror[T]) Refresh(ctx context.Context, key string) error {
	known := m.revision(key)
	e, err := m.bus.Get(ctx, m.bucket, key)
	if errors.Is(err, ErrNotFound) {
		m.forget(key, known)
		return nil
	}
	if err != nil {
		return err
	}
	m.apply(e)
	return nil
}

// revision returns the revision of a key that the mirror has, 0 for none.
func (m *Mirror[T]) revision(key string) uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.entries[key].revision
}

// forget drops a key under which nothing is stored, unless it has got another revision since that was asked.
func (m *Mirror[T]) forget(key string, known uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries[key].revision == known {
		delete(m.entries, key)
	}
}

// Keys returns the keys that have a value.
func (m *Mirror[T]) Keys() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	keys := make([]string, 0, len(m.entries))
	for k, e := range m.entries {
		if !e.deleted {
			keys = append(keys, k)
		}
	}
	return keys
}
