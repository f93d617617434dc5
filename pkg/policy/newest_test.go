package policy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
)

// patience is how long a test waits for what must happen.
const patience = 25 * time.Second

// store runs a store on a server of its own until the test ends.
func store(t *testing.T, secrets secret.Resolver) (*policy.Store, *bus.Bus) {
	t.Helper()
	b, _ := bustest.New(t, bus.Topology{})
	s := policy.NewStore(b, secrets, bustest.Log(t))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	<-s.Loaded()
	return s, b
}

func put(t *testing.T, b *bus.Bus, p policy.Policy) uint64 {
	t.Helper()
	revision, err := b.Put(context.Background(), bus.BucketPolicies, p.Webhook, encode(t, p))
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

// TestNewestSeesEveryWrite asks for the newest policy after each write, from many goroutines at once.
func TestNewestSeesEveryWrite(t *testing.T) {
	s, b := store(t, secret.Resolver{Getenv: environment})
	if _, ok, err := s.Newest(context.Background(), "orders", time.Now()); ok || err != nil {
		t.Fatalf("before the first write: %v, %v", ok, err)
	}
	for range 5 {
		revision := put(t, b, sample(t, policy.Secret{Ref: "env:HOOKPROOF_SECRET_A"}))
		since := time.Now()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				r, ok, err := s.Newest(context.Background(), "orders", since)
				if err != nil || !ok || r.Revision < revision {
					t.Errorf("Newest = %+v, %v, %v; want revision %d", r, ok, err, revision)
				}
			})
		}
		all.Wait()
	}
	if err := b.Delete(context.Background(), bus.BucketPolicies, "orders"); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Newest(context.Background(), "orders", time.Now()); ok || err != nil {
		t.Errorf("after the removal: %v, %v", ok, err)
	}
}

// TestNewestEnds does not outlive its context.
func TestNewestEnds(t *testing.T) {
	s, _ := store(t, secret.Resolver{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	// A time in the future can never be met, so only the context ends the wait.
	if _, _, err := s.Newest(ctx, "orders", time.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) {
		t.Errorf("Newest = %v, want context.Canceled", err)
	}
}

// TestChangeIsFollowed waits for a change as a verifier does that has nothing to reject.
func TestChangeIsFollowed(t *testing.T) {
	s, b := store(t, secret.Resolver{Getenv: environment})
	revision := put(t, b, sample(t, policy.Secret{Ref: "env:HOOKPROOF_SECRET_A"}))
	began := time.Now()
	for {
		if r, ok := s.Get("orders"); ok && r.Revision == revision {
			break
		}
		if time.Since(began) > patience {
			t.Fatal("the change was not followed")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if all := s.All(); len(all) != 1 || all["orders"] == nil {
		t.Errorf("All() = %v", all)
	}
}

// TestChangedFileIsNoticed rotates a secret under the same reference, as a mounted secret is.
func TestChangedFileIsNoticed(t *testing.T) {
	dir := t.TempDir()
	s, b := store(t, secret.Resolver{Dir: dir})
	file(t, dir, "the first secret in the file")
	put(t, b, sample(t, policy.Secret{Ref: "file:s"}))
	for i := range 3 {
		text := fmt.Sprintf("the secret number %d in the file", i)
		file(t, dir, text)
		r, ok, err := s.Newest(context.Background(), "orders", time.Now())
		if err != nil || !ok || r.Err != nil {
			t.Fatalf("Newest = %v, %v", ok, err)
		}
		if !signs(t, r, text) {
			t.Errorf("the ring does not know %q", text)
		}
	}
}

// signs reports whether a ring takes what a secret signed.
func signs(t *testing.T, r *policy.Ring, text string) bool {
	t.Helper()
	key, err := r.Scheme.NewKey(secret.New(text))
	if err != nil {
		t.Fatal(err)
	}
	body := []byte("{}")
	h := http.Header{}
	for name, v := range r.Scheme.Sign(key, "", time.Now(), body) {
		h[http.CanonicalHeaderKey(name)] = v
	}
	presented, fault := r.Scheme.Read(h)
	return fault == signature.NoFault && r.Scheme.Signed(r.Keys[0].Key, presented, body)
}
