package policy

import (
	"context"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/secret"
)

const (
	// refreshSpacing bounds how often a webhook's policy is read from the leader before a reject.
	refreshSpacing = 100 * time.Millisecond
	// rereadInterval is how often every policy is decoded anew, so that a secret's file that changed is noticed.
	rereadInterval = 30 * time.Second
	// maxReads bounds the webhooks whose last read is remembered: names on the bus need not be names of webhooks.
	maxReads = 4096
)

// Store holds the policies of all webhooks and follows their changes. It is safe for concurrent use.
type Store struct {
	mirror *bus.Mirror[*Ring]
	log    *slog.Logger

	mu    sync.Mutex
	reads *lru.Cache[string, *refresh] // the last read of each webhook's policy
}

// NewStore returns a store that is empty until Run.
func NewStore(b *bus.Bus, secrets secret.Resolver, log *slog.Logger) *Store {
	s := &Store{log: log}
	decode := func(e bus.Entry) (*Ring, error) {
		r := Decode(e, secrets)
		if former, ok := s.former(r, e.Key); ok {
			return former, nil
		}
		if r.Err != nil && !e.Deleted {
			log.Error("policy cannot be used, its requests are parked", "webhook", e.Key, "revision", e.Revision, "error", r.Err)
		}
		return r, nil
	}
	s.reads, _ = lru.New[string, *refresh](maxReads) // errs only on a size below 1
	s.mirror = bus.NewMirror(b, bus.BucketPolicies, decode, log)
	return s
}

// former returns the ring that the store has of the very policy that r was decoded from, when r lacks a secret only because
// this machine could not read it now. To forget what was read before would park every request of the webhook.
func (s *Store) former(r *Ring, webhook string) (*Ring, bool) {
	err := r.unresolved()
	if !secret.Transient(err) {
		return nil, false
	}
	former, ok := s.mirror.Get(webhook)
	if !ok || former.Revision != r.Revision || former.unresolved() != nil {
		return nil, false
	}
	s.log.Warn("a secret cannot be read now, what was read before stays", "webhook", webhook, "revision", r.Revision, "error", err)
	return former, true
}

// Get returns the policy of a webhook.
func (s *Store) Get(webhook string) (*Ring, bool) { return s.mirror.Get(webhook) }

// All returns every policy by its webhook.
func (s *Store) All() map[string]*Ring { return s.mirror.All() }

// Loaded is closed once the policies were read for the first time.
func (s *Store) Loaded() <-chan struct{} { return s.mirror.Loaded() }

// Run follows the policies until ctx ends and then returns nil.
func (s *Store) Run(ctx context.Context) error {
	var rereads sync.WaitGroup
	rereads.Go(func() { s.reread(ctx) })
	defer rereads.Wait()
	return s.mirror.Run(ctx)
}

func (s *Store) reread(ctx context.Context) {
	tick := time.NewTicker(rereadInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, webhook := range s.mirror.Keys() {
			if err := s.mirror.Refresh(ctx, webhook); err != nil {
				s.log.Debug("policy not read anew", "webhook", webhook, "error", err)
			}
		}
	}
}

// refresh is one read from the leader that any number of callers wait for.
type refresh struct {
	started time.Time // set before done is closed, with the monotonic clock
	done    chan struct{}
	err     error
}

// Newest returns the policy of a webhook as the leader had it at since or later, since being a time of this process, such
// as when a message was fetched: whatever was stored before that message existed is in it. Reads are shared and spaced, so
// that a flood of forgeries costs ten a second for each webhook. False means that there is no policy.
func (s *Store) Newest(ctx context.Context, webhook string, since time.Time) (*Ring, bool, error) {
	for {
		r := s.read(ctx, webhook, since)
		select {
		case <-r.done:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
		if r.err != nil {
			return nil, false, r.err
		}
		if !r.started.Before(since) {
			ring, ok := s.mirror.Get(webhook)
			return ring, ok, nil
		}
	}
}

// read returns the last read if it is fresh enough or under way, else begins one.
func (s *Store) read(ctx context.Context, webhook string, since time.Time) *refresh {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := time.Duration(0)
	if last, ok := s.reads.Get(webhook); ok {
		select {
		case <-last.done:
			if last.err == nil && !last.started.Before(since) {
				return last
			}
			wait = time.Until(last.started.Add(refreshSpacing))
		default:
			return last // under way; the caller asks again if it began too early
		}
	}
	r := &refresh{done: make(chan struct{})}
	s.reads.Add(webhook, r)
	go func() {
		defer close(r.done)
		time.Sleep(wait)
		r.started = time.Now()
		r.err = s.mirror.Refresh(context.WithoutCancel(ctx), webhook)
	}()
	return r
}
