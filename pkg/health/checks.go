package health

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/failpoint"
)

const (
	// MaxClockOffset is how far this machine's clock may be from the NATS server's. Timestamps are held against the
	// ingress's clock, so a clock that is wrong by the tolerance refuses every genuine request.
	MaxClockOffset = 5 * time.Second
	// NearFull is the fill from which on a stream of outcomes or a bucket of claims counts as near full. Full says the same
	// of UNVERIFIED, where a request that still fits must not be turned away.
	NearFull = 0.95
	Full     = 0.99
)

// Bus checks that the bus can be reached.
func Bus(b *bus.Bus) admin.Check { return admin.Check{Name: "bus", Run: b.Ready} }

// Streams checks that the streams named, or all when none is, are there and keep what they accept.
func Streams(b *bus.Bus, t bus.Topology, only ...string) admin.Check {
	return admin.Check{Name: "streams", Run: func(ctx context.Context) error { return b.Check(ctx, t, only...) }}
}

// Consumer checks that a role's durable consumer is there to be bound to.
func Consumer(b *bus.Bus, stream, consumer string) admin.Check {
	return admin.Check{Name: "consumer " + consumer, Run: func(ctx context.Context) error {
		if _, err := b.Backlog(ctx, stream, consumer); err != nil {
			return fmt.Errorf("consumer %s of %s cannot be bound (hookproof setup makes it): %w", consumer, stream, err)
		}
		return nil
	}}
}

// Storage checks that a stream's fill is below a mark.
func Storage(b *bus.Bus, stream string, mark float64) admin.Check {
	return storage(stream, mark, func(ctx context.Context) (bus.State, error) { return b.State(ctx, stream, "") })
}

// BucketStorage checks that a bucket's fill is below a mark.
func BucketStorage(b *bus.Bus, bucket string, mark float64) admin.Check {
	return storage(bucket, mark, func(ctx context.Context) (bus.State, error) { return b.StateOfBucket(ctx, bucket) })
}

func storage(name string, mark float64, state func(context.Context) (bus.State, error)) admin.Check {
	return admin.Check{Name: "storage " + name, Run: func(ctx context.Context) error {
		s, err := state(ctx)
		if err == nil && s.Fill() >= mark {
			err = fmt.Errorf("%s is %.1f %% full: what it has no room for has to wait or is refused", name, 100*s.Fill())
		}
		return err
	}}
}

// Clock checks that this machine's clock and the server's are together. The stream is one that the role may ask about.
func Clock(b *bus.Bus, stream string) admin.Check {
	return admin.Check{Name: "clock", Run: func(ctx context.Context) error {
		began := failpoint.Now()
		s, err := b.State(ctx, stream, "")
		if err != nil {
			return err
		}
		return clockFault(offset(began, failpoint.Now(), s.ServerTime))
	}}
}

// offset is how far the local clock is ahead of a server that answered between two local times. What the way took is
// given to whichever clock it excuses.
func offset(asked, answered, server time.Time) time.Duration {
	switch {
	case server.IsZero(), !server.Before(asked) && !server.After(answered):
		return 0
	case server.After(answered):
		return answered.Sub(server)
	}
	return asked.Sub(server)
}

func clockFault(ahead time.Duration) error {
	switch {
	case ahead > MaxClockOffset:
		return fmt.Errorf("this machine's clock is %s ahead of the NATS server's", ahead.Round(time.Millisecond))
	case ahead < -MaxClockOffset:
		return fmt.Errorf("this machine's clock is %s behind the NATS server's", -ahead.Round(time.Millisecond))
	}
	return nil
}

// Loaded checks that what is named was loaded; done is closed once it is.
func Loaded(name string, done <-chan struct{}) admin.Check {
	return admin.Check{Name: name, Run: func(context.Context) error {
		select {
		case <-done:
			return nil
		default:
			return errors.New("not loaded yet")
		}
	}}
}
