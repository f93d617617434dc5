package route

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookproof/hookproof/pkg/bus"
)

// saveAgain is how long after a failure the cache is written again.
const saveAgain = 30 * time.Second

// Table is the routes as the bucket has them now. With a cache it is the routes as a process read them last for as long as
// the bucket has not been read yet. An outdated route does no harm: it decides what is captured, and never what is
// trusted. Table is safe for concurrent use.
type Table struct {
	mirror *bus.Mirror[Route]
	cache  string
	former map[string]Route // as the cache has them; nil for none
	read   chan struct{}    // closed when former is there
	log    *slog.Logger
}

// NewTable returns a table of the bus's routes; Run fills it. The cache is the path of a file in a directory that exists,
// or empty for none. A cache that cannot be read is logged and left aside, and written anew once the routes are known.
func NewTable(b *bus.Bus, cache string, log *slog.Logger) *Table {
	t := &Table{mirror: bus.NewMirror(b, bus.BucketRoutes, Decode, log), cache: cache, read: make(chan struct{}), log: log}
	if cache == "" {
		return t
	}
	former, saved, err := readCache(cache)
	switch {
	case err != nil:
		log.Error("the cache of routes cannot be read and is left aside: until the bus has told the routes, requests are answered with 503",
			"file", cache, "error", err)
	case former != nil:
		log.Info("routes read from the cache", "file", cache, "routes", len(former), "saved", saved)
		t.former = former
		close(t.read)
	}
	return t
}

// Get returns the route of a webhook.
func (t *Table) Get(webhook string) (Route, bool) {
	select {
	case <-t.mirror.Loaded():
		return t.mirror.Get(webhook)
	default:
		r, ok := t.former[webhook]
		return r, ok
	}
}

// Loaded is closed once routes are known, from the bus or from the cache.
func (t *Table) Loaded() <-chan struct{} {
	if t.former != nil {
		return t.read
	}
	return t.mirror.Loaded()
}

// Current returns once the table holds everything that the bus stored before since; see bus.Mirror.Current.
func (t *Table) Current(ctx context.Context, since time.Time) error {
	return t.mirror.Current(ctx, since)
}

// Run follows the bus, and keeps the cache, until ctx ends and then returns nil.
func (t *Table) Run(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return t.mirror.Run(running) })
	if t.cache != "" {
		g.Go(func() error { t.keep(running); return nil })
	}
	return g.Wait()
}

// keep writes the cache after each change until ctx ends.
func (t *Table) keep(ctx context.Context) {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.mirror.Changed():
		case <-again:
		}
		again = nil
		if err := writeCache(t.cache, t.mirror.All(), time.Now()); err != nil {
			t.log.Error("the cache of routes cannot be written: a restart without the bus would know the former routes", "file", t.cache, "error", err)
			again = time.After(saveAgain)
		}
	}
}
