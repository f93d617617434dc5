package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrUnsafe says that a stream's live settings would lose or double accepted events.
var ErrUnsafe = errors.New("unsafe stream settings")

// Setup makes every stream, bucket and consumer of the topology that is missing, and brings those that exist to their
// declared settings. Running it again changes nothing. It never deletes, and where a change is refused (ErrRefused) it makes
// none at all; embedded is the server when it runs in this process, or nil.
func (b *Bus) Setup(ctx context.Context, t Topology, embedded *Server) error {
	plan, err := b.Plan(ctx, t, embedded)
	if err != nil {
		return err
	}
	if err := plan.Refused(); err != nil {
		return err
	}
	return b.Apply(ctx, plan)
}

// Check reports every stream that is missing, or whose live settings would lose an accepted event or verify one twice. A
// role refuses to start on it. It looks at the streams named only, or at all when none is named: a role may not ask about
// those that it has nothing to do with.
func (b *Bus) Check(ctx context.Context, t Topology, only ...string) error {
	t = t.withDefaults()
	var errs []error
	for _, want := range t.streams() {
		if len(only) > 0 && !slices.Contains(only, want.Name) {
			continue
		}
		s, err := b.js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			errs = append(errs, fmt.Errorf("stream %s: %w: run hookproof setup", want.Name, ErrNotFound))
			continue
		}
		if err != nil {
			return fmt.Errorf("stream %s: %w", want.Name, classify(err))
		}
		for _, fault := range faults(want, s.CachedInfo().Config) {
			errs = append(errs, fmt.Errorf("stream %s: %w: %s", want.Name, ErrUnsafe, fault))
		}
	}
	return errors.Join(errs...)
}

// faults lists what in a stream's live settings breaks a promise. Sizes and longer ages are the operator's own business.
func faults(want, live jetstream.StreamConfig) []string {
	var bad []string
	refuse := func(is bool, format string, args ...any) {
		if is {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	refuse(live.Storage != jetstream.FileStorage, "its storage is %v: a restart would lose it", live.Storage)
	if want.Discard == jetstream.DiscardNew {
		refuse(live.Discard != jetstream.DiscardNew, "when full it discards its oldest messages instead of refusing new ones")
	}
	if want.Name == StreamUnverified {
		refuse(live.MaxAge > 0, "a message older than %s is dropped before it is judged", live.MaxAge)
		refuse(live.MaxMsgsPerSubject > 0, "only %d messages a webhook are kept", live.MaxMsgsPerSubject)
		refuse(live.Retention != jetstream.WorkQueuePolicy, "its retention is %v and not WorkQueue", live.Retention)
	}
	if want.Name == StreamVerified {
		refuse(live.Duplicates < want.Duplicates, "its duplicate window is %s, the horizon needs %s", live.Duplicates, want.Duplicates)
	}
	if claims := want.Name == bucketStream(BucketReplayBody) || want.Name == bucketStream(BucketReplaySigned); claims {
		refuse(live.MaxAge > 0 && live.MaxAge < want.MaxAge, "claims live %s, %s are needed", live.MaxAge, want.MaxAge)
		refuse(live.AllowDirect, "direct reads are allowed, so an owner could be read from a replica that lags")
	}
	return bad
}
