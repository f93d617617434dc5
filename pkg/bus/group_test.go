package bus_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

var commits = []bus.Commit{bus.CommitFast, bus.CommitAtomic, bus.CommitSingle}

// stored returns how often each body is in UNVERIFIED.
func stored(t *testing.T, b *bus.Bus) map[string]int {
	t.Helper()
	s, err := b.State(t.Context(), bus.StreamUnverified, "")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for sequence := s.FirstSequence; sequence <= s.LastSequence; sequence++ {
		m, err := b.Message(t.Context(), bus.StreamUnverified, sequence)
		if errors.Is(err, bus.ErrNotFound) {
			continue // an atomic batch that was refused may leave a gap
		}
		if err != nil {
			t.Fatal(err)
		}
		if id := m.Header.Get("Nats-Msg-Id"); !strings.HasPrefix(string(m.Data), id+" ") {
			t.Errorf("sequence %d has the id %q and the body %.20q", sequence, id, m.Data)
		}
		found[string(m.Data)]++
	}
	return found
}

// store publishes a message as the ingress does: what may have been published goes by itself.
func store(t *testing.T, p *bus.Publisher, m *nats.Msg) error {
	_, err := p.Publish(t.Context(), m, patience)
	if errors.Is(err, bus.ErrUnavailable) {
		err = storeAgain(t, p, m)
	}
	return err
}

func storeAgain(t *testing.T, p *bus.Publisher, m *nats.Msg) error {
	return decide(func() error { _, err := p.PublishAgain(t.Context(), m, patience); return err })
}

// atOnce publishes n messages from 64 goroutines, by three publishers as of three processes, and returns what became of each
// body.
func atOnce(t *testing.T, b *bus.Bus, commit bus.Commit, n int, padding string) map[string]error {
	t.Helper()
	var mu sync.Mutex
	var next atomic.Int64
	outcome := map[string]error{}
	publishers := []*bus.Publisher{b.NewPublisher(commit), b.NewPublisher(commit), b.NewPublisher(commit)}
	var all sync.WaitGroup
	for worker := range 64 {
		p := publishers[worker%len(publishers)]
		all.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				id := fmt.Sprintf("id-%d", i)
				body := id + " " + padding
				err := store(t, p, message("unverified.genesys", id, body))
				mu.Lock()
				outcome[body] = err
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return outcome
}

// What is published at once is stored whole, with far fewer answers than messages.
func TestPublisherGroups(t *testing.T) {
	for _, commit := range commits {
		t.Run(string(commit), func(t *testing.T) {
			b, srv := bustest.New(t, bus.Topology{})
			const n = 3000
			var answers atomic.Int64
			nc := connect(t, srv.URL())
			if _, err := nc.Subscribe("_INBOX.>", func(m *nats.Msg) {
				if strings.Contains(string(m.Data), `"stream":"UNVERIFIED"`) {
					answers.Add(1)
				}
			}); err != nil {
				t.Fatal(err)
			}
			if err := nc.Flush(); err != nil {
				t.Fatal(err)
			}
			for body, err := range atOnce(t, b, commit, n, "body") {
				if err != nil {
					t.Fatalf("Publish(%.20q) = %v", body, err)
				}
			}
			found := stored(t, b)
			if len(found) != n {
				t.Errorf("%d of %d messages are stored", len(found), n)
			}
			for body, times := range found {
				if times != 1 {
					t.Errorf("%.20q is stored %d times", body, times)
				}
			}
			if got := answers.Load(); (got < n/2) != (commit != bus.CommitSingle) {
				t.Errorf("%d answers to %d messages", got, n)
			}
		})
	}
}

// Publishers that begin at once, as after a deployment, do not mix their groups up.
func TestPublishersBesideEachOther(t *testing.T) {
	for _, commit := range commits {
		t.Run(string(commit), func(t *testing.T) {
			b, srv := bustest.New(t, bus.Topology{})
			others := []*bus.Bus{bustest.Connect(t, srv), bustest.Connect(t, srv), bustest.Connect(t, srv)}
			const rounds, each = 30, 20
			for round := range rounds {
				var all sync.WaitGroup
				for i, other := range others {
					p := other.NewPublisher(commit)
					for n := range each {
						all.Go(func() {
							id := fmt.Sprintf("id-%d-%d-%d", round, i, n)
							if err := store(t, p, message("unverified.genesys", id, id+" body")); err != nil {
								t.Errorf("Publish(%q) = %v", id, err)
							}
						})
					}
				}
				all.Wait()
			}
			if found, want := stored(t, b), rounds*each*len(others); len(found) != want {
				t.Errorf("%d of %d acknowledged messages are stored", len(found), want)
			}
		})
	}
}

// A group into a stream that is almost full is stored in part. Each caller is told of its own message, and nil never lies.
func TestPublisherToAFullStream(t *testing.T) {
	for _, commit := range commits {
		t.Run(string(commit), func(t *testing.T) {
			b, _ := bustest.New(t, bus.Topology{MaxStorage: 4 << 20})
			outcome := atOnce(t, b, commit, 1000, strings.Repeat("x", 4<<10))
			found := stored(t, b)
			accepted := 0
			for body, err := range outcome {
				switch {
				case err == nil && found[body] != 1:
					t.Errorf("Publish(%.10q) = nil, and it is stored %d times", body, found[body])
				case err == nil:
					accepted++
				case !errors.Is(err, bus.ErrFull):
					t.Errorf("Publish(%.10q) = %v, want nil or ErrFull", body, err)
				case found[body] != 0:
					t.Errorf("Publish(%.10q) = %v, and it is stored", body, err)
				}
			}
			if accepted == 0 || accepted == len(outcome) {
				t.Errorf("%d of %d were accepted, want the stream to fill on the way", accepted, len(outcome))
			}
		})
	}
}

// The same ids again, among new ones, are stored once, and nobody is refused for their sake.
func TestPublisherOfKnownIDs(t *testing.T) {
	for _, commit := range commits {
		t.Run(string(commit), func(t *testing.T) {
			b, _ := bustest.New(t, bus.Topology{})
			atOnce(t, b, commit, 300, "body")
			for body, err := range atOnce(t, b, commit, 900, "body") {
				if err != nil {
					t.Errorf("Publish(%.10q) = %v", body, err)
				}
			}
			found := stored(t, b)
			if len(found) != 900 {
				t.Errorf("%d messages are stored, want 900", len(found))
			}
			for body, times := range found {
				if times != 1 {
					t.Errorf("%.10q is stored %d times", body, times)
				}
			}
		})
	}
}

// One message that is too large does not take those down that were to go with it.
func TestPublisherTooLarge(t *testing.T) {
	for _, commit := range commits {
		t.Run(string(commit), func(t *testing.T) {
			b, _ := bustest.New(t, bus.Topology{})
			p := b.NewPublisher(commit)
			var all sync.WaitGroup
			for i := range 200 {
				all.Go(func() {
					size, want := 10, error(nil)
					if i%20 == 0 {
						size, want = int(b.MaxPayload()), bus.ErrTooLarge
					}
					id := fmt.Sprintf("id-%d", i)
					if err := store(t, p, message("unverified.genesys", id, id+" "+strings.Repeat("x", size))); !errors.Is(err, want) {
						t.Errorf("Publish of %d bytes = %v, want %v", size, err, want)
					}
				})
			}
			all.Wait()
			if found := stored(t, b); len(found) != 190 {
				t.Errorf("%d messages are stored, want 190", len(found))
			}
		})
	}
}

// A stream made by an older version takes no groups. It works, one by one.
func TestPublisherWhereGroupsAreNotAllowed(t *testing.T) {
	for _, commit := range commits {
		t.Run(string(commit), func(t *testing.T) {
			b, srv := bustest.New(t, bus.Topology{})
			js := native(t, srv)
			s, err := js.Stream(t.Context(), bus.StreamUnverified)
			if err != nil {
				t.Fatal(err)
			}
			remake(t, js, bus.StreamUnverified, s.CachedInfo().Config, func(c *jetstream.StreamConfig) {
				c.AllowBatchPublish, c.AllowAtomicPublish = false, false
			})
			for body, err := range atOnce(t, b, commit, 500, "body") {
				if err != nil {
					t.Errorf("Publish(%.10q) = %v", body, err)
				}
			}
			if found := stored(t, b); len(found) != 500 {
				t.Errorf("%d messages are stored, want 500", len(found))
			}
		})
	}
}

// The server goes away under load and comes back. What was acknowledged is there, and what was not gets through with the
// same id, once. Not atomic batches: a server that is shut down while one is open leaks the goroutines of its store.
func TestPublisherOverAServerRestart(t *testing.T) {
	for _, commit := range []bus.Commit{bus.CommitFast, bus.CommitSingle} {
		t.Run(string(commit), func(t *testing.T) {
			t.Parallel() // it waits more than it works
			b, first, again := restartable(t)
			p := b.NewPublisher(commit)
			var done, failed atomic.Int64
			var back atomic.Bool // the server is: until then everybody goes on, so that some are on their way when it goes
			var all sync.WaitGroup
			for worker := range 32 {
				all.Go(func() {
					for i := 0; i < 60 || !back.Load(); i++ {
						id := fmt.Sprintf("id-%d-%d", worker, i)
						m := message("unverified.genesys", id, id+" body")
						_, err := p.Publish(t.Context(), m, time.Second)
						for ; errors.Is(err, bus.ErrUnavailable) && t.Context().Err() == nil; _, err = p.PublishAgain(t.Context(), m, time.Second) {
							failed.Add(1)
							time.Sleep(20 * time.Millisecond)
						}
						if err != nil {
							t.Errorf("Publish(%q) = %v", id, err)
							return
						}
						done.Add(1)
						time.Sleep(5 * time.Millisecond)
					}
				})
			}
			eventually(t, patience, "some are stored", func() bool { return done.Load() > 300 })
			first.Shutdown()
			eventually(t, patience, "publishes fail", func() bool { return failed.Load() > 10 })
			again()
			back.Store(true)
			all.Wait()
			found := stored(t, b)
			if want := int(done.Load()); len(found) != want {
				t.Errorf("%d messages are stored, want %d", len(found), want)
			}
			for body, times := range found {
				if times != 1 {
					t.Errorf("%q is stored %d times", body, times)
				}
			}
		})
	}
}

// Claims that go together, some of them for keys that are taken, come to the right holders.
func TestClaimsInGroups(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	claims := b.NewClaims(bus.BucketReplaySigned)
	for i := 0; i < 300; i += 7 {
		if owner := claim(t, claims, fmt.Sprintf("key-%d", i), "first"); owner != "first" {
			t.Fatalf("Claim(key-%d) of a new key: %q holds it", i, owner)
		}
	}
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			want := "second"
			if i%7 == 0 {
				want = "first"
			}
			if owner := claim(t, claims, fmt.Sprintf("key-%d", i), "second"); owner != want {
				t.Errorf("Claim(key-%d): %q holds it, want %q", i, owner, want)
			}
		})
	}
	all.Wait()
}

// What may have been published before goes by itself, whatever else is on its way.
func TestPublishAgainGoesAlone(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	nc := connect(t, srv.URL())
	grouped := map[string]bool{}
	sub, err := nc.SubscribeSync("unverified.genesys")
	if err == nil {
		err = nc.Flush() // the server knows of it before the first message
	}
	if err != nil {
		t.Fatal(err)
	}
	p := b.NewPublisher(bus.CommitFast)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			id, publish := fmt.Sprintf("first-%d", i), store
			if i%2 == 1 {
				id, publish = fmt.Sprintf("again-%d", i), storeAgain
			}
			if err := publish(t, p, message("unverified.genesys", id, id+" x")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for seen := map[string]bool{}; len(seen) < 200; {
		m, err := sub.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		id := m.Header.Get("Nats-Msg-Id")
		seen[id] = true
		kind, _, _ := strings.Cut(id, "-")
		grouped[kind] = grouped[kind] || strings.HasSuffix(m.Reply, ".$FI")
	}
	if !grouped["first"] || grouped["again"] {
		t.Errorf("went in groups: %v, want the first ones only", grouped)
	}
	if n := len(stored(t, b)); n != 200 {
		t.Errorf("%d messages are stored, want 200", n)
	}
}
