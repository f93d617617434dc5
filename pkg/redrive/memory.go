package redrive

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/policy"
)

// memoryMargin is how much earlier than its claim a request counts as forgotten: it may wait for a verifier once more.
const memoryMargin = 5 * time.Minute

// memory returns how long the replay keys of a webhook are remembered, 0 for ever, by the live settings of the bucket that
// its policy claims in. Without a readable policy it is the shorter memory of the two.
func memory(ctx context.Context, b *bus.Bus, webhook string) (time.Duration, error) {
	buckets := []string{bus.BucketReplaySigned, bus.BucketReplayBody}
	e, err := b.Get(ctx, bus.BucketPolicies, webhook)
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return 0, err
	}
	var p policy.Policy
	if err == nil && !e.Deleted && json.Unmarshal(e.Value, &p) == nil && p.Format == policy.Format {
		buckets = []string{p.ReplayBucket()}
	}
	shortest := time.Duration(0)
	for _, bucket := range buckets {
		s, err := b.StateOfBucket(ctx, bucket)
		if err != nil {
			return 0, err
		}
		if s.MaxAge > 0 && (shortest == 0 || s.MaxAge < shortest) {
			shortest = s.MaxAge
		}
	}
	return shortest, nil
}
