package policy_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
)

// idle returns a store that does not follow anything, so that every read of a policy is one that Newest caused. Calling
// reads returns how many of them reached the server.
func idle(t *testing.T, resolver secret.Resolver) (s *policy.Store, b *bus.Bus, srv *bus.Server, reads func() int) {
	t.Helper()
	b, srv = bustest.New(t, bus.Topology{})
	const subject = "$JS.API.STREAM.MSG.GET.KV_" + bus.BucketPolicies
	var n atomic.Int64
	counted := make(chan struct{}, 1)
	stop, err := bustest.Connect(t, srv).Listen(subject, func(m *nats.Msg) {
		if string(m.Data) == "mark" {
			counted <- struct{}{}
			return
		}
		n.Add(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	reads = func() int { // the mark comes after every read, since one connection sends them all
		t.Helper()
		if err := b.Announce(subject, []byte("mark")); err != nil {
			t.Fatal(err)
		}
		<-counted
		return int(n.Load())
	}
	return policy.NewStore(b, resolver, bustest.Log(t)), b, srv, reads
}

func TestNewestSharesReads(t *testing.T) {
	s, b, _, reads := idle(t, secret.Resolver{Getenv: environment})
	revision := put(t, b, sample(t, policy.Secret{Ref: "env:HOOKPROOF_SECRET_A"}))
	since, began := time.Now(), time.Now()
	const callers, calls = 50, 20
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range calls {
				if r, ok, err := s.Newest(t.Context(), "orders", since); err != nil || !ok || r.Revision != revision {
					t.Errorf("Newest = %v, %v, want revision %d", ok, err, revision)
				}
			}
		})
	}
	all.Wait()
	if n := reads(); n != 1 {
		t.Errorf("%d calls of Newest for one since read %d times, want 1", callers*calls, n)
	}
	// Each call asks for what is stored now: no read can be reused, and still they are spaced.
	for range callers {
		all.Go(func() {
			for range 5 {
				if _, _, err := s.Newest(t.Context(), "orders", time.Now()); err != nil {
					t.Errorf("Newest = %v", err)
				}
			}
		})
	}
	all.Wait()
	most := int(time.Since(began)/(100*time.Millisecond)) + 2
	if n := reads(); n > most || n < 5 {
		t.Errorf("%d calls of Newest within %s read %d times, want from 5 to %d", callers*5, time.Since(began), n, most)
	}
}

// Names on the bus need not be names of webhooks; one that is unknown is read as rarely as any other.
func TestNewestOfAnUnknownWebhook(t *testing.T) {
	s, _, _, reads := idle(t, secret.Resolver{})
	since := time.Now()
	for range 20 {
		if r, ok, err := s.Newest(t.Context(), "nobody", since); r != nil || ok || err != nil {
			t.Fatalf("Newest(%q) = %v, %v, %v, want none", "nobody", r, ok, err)
		}
	}
	if n := reads(); n != 1 {
		t.Errorf("20 calls of Newest of an unknown webhook read %d times, want 1", n)
	}
	if r, ok := s.Get("nobody"); ok {
		t.Errorf("Get(%q) = %v, want none", "nobody", r)
	}
}

func TestNewestWithoutAServer(t *testing.T) {
	s, b, srv, _ := idle(t, secret.Resolver{Getenv: environment})
	put(t, b, sample(t, policy.Secret{Ref: "env:HOOKPROOF_SECRET_A"}))
	if _, ok, err := s.Newest(t.Context(), "orders", time.Now()); !ok || err != nil {
		t.Fatalf("Newest = %v, %v", ok, err)
	}
	read := time.Now()
	srv.Shutdown()
	for b.Ready(t.Context()) == nil { // until the client has noticed
		time.Sleep(time.Millisecond)
	}
	if _, ok, err := s.Newest(t.Context(), "orders", time.Now()); ok || !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("Newest without a server = %v, %v, want ErrUnavailable and not what was the newest before", ok, err)
	}
	if r, ok := s.Get("orders"); !ok || r.Err != nil {
		t.Errorf("Get without a server = %v, %v, want the last that was read at %s", r, ok, read)
	}
}

// One caller that gives up must not spoil the read that others wait for.
func TestNewestOutlivesTheCallerThatBeganTheRead(t *testing.T) {
	s, b, _, _ := idle(t, secret.Resolver{Getenv: environment})
	revision := put(t, b, sample(t, policy.Secret{Ref: "env:HOOKPROOF_SECRET_A"}))
	if _, _, err := s.Newest(t.Context(), "orders", time.Now()); err != nil { // the next has to wait for its turn
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	since := time.Now()
	first := make(chan error, 1)
	go func() { _, _, err := s.Newest(ctx, "orders", since); first <- err }()
	cancel()
	r, ok, err := s.Newest(t.Context(), "orders", since)
	if err != nil || !ok || r.Revision != revision {
		t.Errorf("Newest beside a caller that gave up = %v, %v, want revision %d", ok, err, revision)
	}
	if err := <-first; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Newest of the caller that gave up = %v, want Canceled", err)
	}
}

// How soon is the mirror's to promise, and held by its test.
func TestStoreFollows(t *testing.T) {
	s, b := store(t, secret.Resolver{Getenv: environment})
	for i, want := range []struct {
		name string
		do   func() uint64
		ok   bool
		err  error
	}{
		{"first", func() uint64 { return put(t, b, sample(t, policy.Secret{Ref: "env:HOOKPROOF_SECRET_A"})) }, true, nil},
		{"changed", func() uint64 { return put(t, b, sample(t, policy.Secret{Ref: "env:HOOKPROOF_SECRET_B"})) }, true, nil},
		{"unusable", func() uint64 { return put(t, b, sample(t, policy.Secret{Ref: "env:HOOKPROOF_SECRET_GONE"})) }, true, secret.ErrUnresolved},
		{"removed", func() uint64 {
			if err := b.Delete(t.Context(), bus.BucketPolicies, "orders"); err != nil {
				t.Fatal(err)
			}
			return 0
		}, false, nil},
	} {
		revision, end := want.do(), time.Now().Add(patience)
		r, ok := s.Get("orders")
		for ; ok != want.ok || ok && r.Revision != revision; r, ok = s.Get("orders") {
			if time.Now().After(end) {
				t.Fatalf("step %d, %s: not seen within %s", i, want.name, patience)
			}
			time.Sleep(5 * time.Millisecond)
		}
		if ok && !errors.Is(r.Err, want.err) {
			t.Errorf("step %d, %s: Err = %v, want %v", i, want.name, r.Err, want.err)
		}
	}
}

func TestAllowedWithOddLists(t *testing.T) {
	everything4, everything6 := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")
	for _, tt := range []struct {
		name string
		list []netip.Prefix
		addr string // empty: invalid
		want bool
	}{
		{"nil list", nil, "203.0.113.1", true},
		{"empty list", []netip.Prefix{}, "fe80::1%eth0", true},
		{"all of IPv4", []netip.Prefix{everything4}, "::ffff:10.0.0.1", true},
		{"all of IPv4, an IPv6 address", []netip.Prefix{everything4}, "2001:db8::1", false},
		{"all of IPv6, a mapped address", []netip.Prefix{everything6}, "::ffff:10.0.0.1", false},
		{"all of IPv6, a zone", []netip.Prefix{everything6}, "2001:db8::1%eth0", false},
		{"an invalid prefix", []netip.Prefix{{}}, "10.0.0.1", false},
		{"an invalid address", []netip.Prefix{everything4, everything6}, "", false},
		{"the second prefix", []netip.Prefix{everything6, netip.MustParsePrefix("10.0.0.1/32")}, "10.0.0.1", true},
	} {
		var a netip.Addr
		if tt.addr != "" {
			a = netip.MustParseAddr(tt.addr)
		}
		if got := policy.Allowed(tt.list, a); got != tt.want {
			t.Errorf("%s: Allowed(%v, %q) = %v, want %v", tt.name, tt.list, tt.addr, got, tt.want)
		}
	}
}
