package bus_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// claim claims a key and returns who holds it then. After a claim that was undecided that may be oneself.
func claim(t *testing.T, c *bus.Claims, key, me string) (owner string) {
	t.Helper()
	if err := decide(func() error {
		holder, err := c.Claim(t.Context(), key, []byte(me))
		if owner = me; holder != nil {
			owner = string(holder.Value)
		}
		return err
	}); err != nil {
		t.Errorf("Claim(%q) for %s = %v", key, me, err)
	}
	return owner
}

func TestClaimHasOneWinner(t *testing.T) {
	_, srv := bustest.New(t, bus.Topology{})
	claims := make([]*bus.Claims, 3)
	for i := range claims {
		claims[i] = bustest.Connect(t, srv).NewClaims(bus.BucketReplayBody)
	}
	for round := range 5 {
		key := fmt.Sprintf("key-%d", round)
		const n = 100
		owners := make([]string, n) // who holds the key, as each contender sees it
		won := make([]bool, n)
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				me := fmt.Sprintf("id-%d", i)
				owners[i] = claim(t, claims[i%len(claims)], key, me)
				won[i] = owners[i] == me
			})
		}
		all.Wait()
		winners := 0
		for i, w := range won {
			if w {
				winners++
			}
			if owners[i] != owners[0] {
				t.Fatalf("Claim(%q): contender %d sees %q as the holder, contender 0 sees %q", key, i, owners[i], owners[0])
			}
		}
		if winners != 1 {
			t.Errorf("Claim(%q) of %d contenders had %d winners, want 1", key, n, winners)
		}
	}
}

func TestClaim(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	ctx, bucket := t.Context(), bus.BucketReplaySigned
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, key string
		before    func(key string)
		holder    string
	}{
		{"a new key", "a", func(string) {}, ""},
		{"held by another", "a", func(string) {}, "a: me"},
		{"deleted by hand", "a", func(key string) { must(b.Delete(ctx, bucket, key)) }, ""},
		{"held once more", "a", func(string) {}, "a: me"},
		{"put by another", "b", func(key string) { _, err := b.Put(ctx, bucket, key, []byte("other")); must(err) }, "other"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.before(tt.key)
			holder, err := b.NewClaims(bucket).Claim(ctx, tt.key, []byte(tt.key+": me"))
			got := ""
			if holder != nil {
				got = string(holder.Value)
			}
			if err != nil || got != tt.holder || (holder == nil) != (tt.holder == "") {
				t.Errorf("Claim(%q) = %q, %v, want %q", tt.key, got, err, tt.holder)
			}
			if holder != nil && (holder.Key != tt.key || holder.Revision == 0 || holder.Deleted) {
				t.Errorf("Claim(%q): holder = %+v", tt.key, holder)
			}
		})
	}
	must(native(t, srv).DeleteStream(ctx, "KV_"+bucket))
	if holder, err := b.NewClaims(bucket).Claim(ctx, "c", nil); holder != nil || !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("Claim in a missing bucket = %v, %v, want ErrUnavailable", holder, err)
	}
}

func TestPutIfAndDeleteIf(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	ctx, bucket, key := t.Context(), bus.BucketWebhooks, "genesys"
	put := func(revision uint64) (uint64, error) { return b.PutIf(ctx, bucket, key, []byte("v"), revision) }
	remove := func(revision uint64) (uint64, error) { return 0, b.DeleteIf(ctx, bucket, key, revision) }
	for _, tt := range []struct {
		name     string
		do       func(uint64) (uint64, error)
		revision uint64
		new      uint64
		want     error
		deleted  bool // after the step
	}{
		{"put over nothing as if there were something", put, 7, 0, bus.ErrConflict, true},
		{"delete nothing as if there were something", remove, 7, 0, bus.ErrConflict, true},
		{"create", put, 0, 1, nil, false},
		{"create what exists", put, 0, 0, bus.ErrConflict, false},
		{"put over its revision", put, 1, 2, nil, false},
		{"put over a former revision", put, 1, 0, bus.ErrConflict, false},
		{"delete a former revision", remove, 1, 0, bus.ErrConflict, false},
		{"delete its revision", remove, 2, 0, nil, true},
		{"delete it again", remove, 2, 0, bus.ErrConflict, true},
		{"put over the deletion", put, 3, 4, nil, false},
	} {
		revision, err := tt.do(tt.revision)
		if !errors.Is(err, tt.want) || revision != tt.new {
			t.Errorf("%s, revision %d: = %d, %v, want %d, %v", tt.name, tt.revision, revision, err, tt.new, tt.want)
		}
		e, err := b.Get(ctx, bucket, key)
		if deleted := errors.Is(err, bus.ErrNotFound) || err == nil && e.Deleted; deleted != tt.deleted {
			t.Errorf("%s: Get = %+v, %v, want deleted %v", tt.name, e, err, tt.deleted)
		}
	}
	if e, err := b.Get(ctx, bucket, key); err != nil || e.Key != key || string(e.Value) != "v" || e.Revision != 4 {
		t.Errorf("Get(%q) = %+v, %v, want revision 4", key, e, err)
	}
}
