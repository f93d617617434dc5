package bus_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// However groups are stored, a key has one holder, also when several contend for it within one group.
func TestClaimsByCommit(t *testing.T) {
	for _, commit := range []bus.Commit{bus.CommitFast, bus.CommitAtomic, bus.CommitSingle} {
		t.Run(string(commit), func(t *testing.T) {
			t.Parallel()
			b, srv := bustest.New(t, bus.Topology{})
			const keys, each = 200, 3 // contenders for a key on each connection
			var claims []*bus.Claims
			for range 2 {
				own, err := bus.Connect(bus.Config{InProcess: srv, Commit: commit}, bustest.Log(t))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(own.Close)
				claims = append(claims, own.NewClaims(bus.BucketReplayBody))
			}
			holders := make([][2 * each]string, keys) // as each contender sees them
			var all sync.WaitGroup
			for k := range keys {
				for i := range 2 * each {
					all.Go(func() { holders[k][i] = contend(t, claims[i%2], fmt.Sprintf("key-%d", k), fmt.Sprintf("id-%d", i)) })
				}
			}
			all.Wait()
			for k, seen := range holders {
				e, err := b.Get(t.Context(), bus.BucketReplayBody, fmt.Sprintf("key-%d", k))
				if err != nil {
					t.Fatal(err)
				}
				for i, holder := range seen {
					if holder != string(e.Value) {
						t.Errorf("key-%d: contender %d sees %q as the holder, the bucket holds %q", k, i, holder, e.Value)
					}
				}
			}
			state, err := b.StateOfBucket(t.Context(), bus.BucketReplayBody)
			if err != nil || state.LastSequence != keys {
				t.Errorf("the bucket's last sequence = %d, %v, want %d: each key was written once", state.LastSequence, err, keys)
			}
		})
	}
}

// contend claims a key, again where that is undecided, and returns its holder.
func contend(t *testing.T, c *bus.Claims, key, me string) string {
	for deadline := time.Now().Add(time.Minute); ; {
		holder, err := c.Claim(t.Context(), key, []byte(me))
		switch {
		case err == nil && holder == nil:
			return me
		case err == nil:
			return string(holder.Value)
		case !errors.Is(err, bus.ErrUnavailable) || time.Now().After(deadline):
			t.Errorf("Claim(%s) = %v", key, err)
			return ""
		}
	}
}
