package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// consume runs Consume of the verifier's durable consumer.
func consume(t testing.TB, b *bus.Bus, concurrency int, drain time.Duration, h bus.Handler) (stop func()) {
	t.Helper()
	return run(t, func(ctx context.Context) error {
		return b.Consume(ctx, bus.StreamUnverified, bus.ConsumerVerifier, concurrency, drain, h)
	})
}

// waiting returns how many messages UNVERIFIED holds, those in work included.
func waiting(t testing.TB, b *bus.Bus) uint64 {
	t.Helper()
	s, err := b.State(context.Background(), bus.StreamUnverified, "")
	if err != nil {
		t.Fatal(err)
	}
	return s.Messages
}

func TestConsumeAcknowledgesAfterNil(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	want := publish(t, b, "unverified.genesys", "id-1", "body")
	begun, end := make(chan *bus.Delivery), make(chan struct{})
	stop := consume(t, b, 1, time.Minute, func(_ context.Context, d *bus.Delivery) error {
		begun <- d
		<-end
		return nil
	})
	d := receive(t, begun, "the delivery")
	if d.Msg.Subject != "unverified.genesys" || string(d.Msg.Data) != "body" || d.Msg.Header.Get("Nats-Msg-Id") != "id-1" {
		t.Errorf("delivery = %s %v %q", d.Msg.Subject, d.Msg.Header, d.Msg.Data)
	}
	if d.Sequence != want.Sequence || d.Deliveries != 1 || time.Since(d.Fetched) > patience || d.Fetched.After(time.Now()) {
		t.Errorf("delivery = %+v, want sequence %d, the first", d, want.Sequence)
	}
	if half := 15 * time.Second; d.SoleUntil.Sub(d.Fetched) > half || d.Fetched.Sub(d.SoleUntil) > 0 {
		t.Errorf("nobody else's for %s, want %s", d.SoleUntil.Sub(d.Fetched), half)
	}
	if l, err := b.Backlog(t.Context(), bus.StreamUnverified, bus.ConsumerVerifier); err != nil || l.AckPending != 1 || l.Pending != 0 {
		t.Errorf("Backlog in work = %+v, %v, want one that is not acknowledged", l, err)
	}
	if n := waiting(t, b); n != 1 {
		t.Errorf("messages stored while the handler runs = %d, want 1", n)
	}
	close(end)
	eventually(t, patience, "the message is acknowledged", func() bool { return waiting(t, b) == 0 })
	stop()
}

func TestConsumeDeliversAgain(t *testing.T) {
	errBad := errors.New("bad")
	for _, tt := range []struct {
		name  string
		first func() error
		delay time.Duration
	}{
		{"an error", func() error { return errBad }, 250 * time.Millisecond},
		{"RetryAfter", func() error { return bus.RetryAfter(errBad, time.Second) }, time.Second},
		{"RetryAfter inside", func() error { return fmt.Errorf("judge: %w", bus.RetryAfter(errBad, time.Second)) }, time.Second},
		{"a panic", func() error { panic("at the handler") }, 250 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, _ := bustest.New(t, bus.Topology{})
			publish(t, b, "unverified.genesys", "", "body")
			type delivery struct {
				count uint64
				at    time.Time
			}
			got := make(chan delivery, 10)
			consume(t, b, 1, time.Minute, func(_ context.Context, d *bus.Delivery) error {
				got <- delivery{d.Deliveries, time.Now()}
				if d.Deliveries == 1 {
					return tt.first()
				}
				if !d.SoleUntil.IsZero() {
					t.Errorf("a message that was delivered before is nobody else's until %s, want never", d.SoleUntil)
				}
				return nil
			})
			first := receive(t, got, "the first delivery")
			second := receive(t, got, "the second delivery")
			if first.count != 1 || second.count != 2 {
				t.Errorf("deliveries after %s = %d, %d, want 1, 2", tt.name, first.count, second.count)
			}
			if d := second.at.Sub(first.at); d < tt.delay-20*time.Millisecond {
				t.Errorf("delay after %s = %s, want %s or more", tt.name, d, tt.delay)
			}
			eventually(t, patience, "the message is acknowledged", func() bool { return waiting(t, b) == 0 })
		})
	}
	if err := bus.RetryAfter(errBad, time.Second); !errors.Is(err, errBad) || err.Error() != errBad.Error() {
		t.Errorf("RetryAfter(%q) = %q, want the same error", errBad, err)
	}
}

func TestConsumeRunsHandlersAtOnce(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	const concurrency = 4
	for range 20 {
		publish(t, b, "unverified.genesys", "", "")
	}
	var now, most atomic.Int64
	full := make(chan struct{}) // closed once as many run as may
	stop := consume(t, b, concurrency, time.Minute, func(context.Context, *bus.Delivery) error {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == concurrency {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		<-full
		return nil
	})
	receive(t, full, "that all handlers run at once")
	eventually(t, patience, "everything is acknowledged", func() bool { return waiting(t, b) == 0 })
	stop()
	if m := most.Load(); m != concurrency {
		t.Errorf("handlers at once = %d, want %d", m, concurrency)
	}
}

func TestConsumeEndsInOrder(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	const n = 10
	for range n {
		publish(t, b, "unverified.genesys", "", "")
	}
	begun, end := make(chan context.Context, n), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- b.Consume(ctx, bus.StreamUnverified, bus.ConsumerVerifier, 1, time.Minute, func(ctx context.Context, _ *bus.Delivery) error {
			begun <- ctx
			<-end
			return ctx.Err()
		})
	}()
	work := receive(t, begun, "the first delivery")
	eventually(t, patience, "the rest waits in this process", func() bool {
		l, err := b.Backlog(t.Context(), bus.StreamUnverified, bus.ConsumerVerifier)
		return err == nil && l.Pending == 0
	})
	cancel()

	// Far below the 30 s after which the server would take them back by itself.
	other := make(chan struct{}, n)
	consume(t, bustest.Connect(t, srv), 1, time.Minute, func(context.Context, *bus.Delivery) error { other <- struct{}{}; return nil })
	for range n - 1 {
		receive(t, other, "that another process has what was given back")
	}
	select {
	case err := <-done:
		t.Errorf("Consume = %v while a handler was in flight", err)
	case ctx := <-begun:
		t.Errorf("a handler began after the context had ended: %v", ctx)
	case <-work.Done():
		t.Error("the handler's context ended with Consume's, want it to outlive that by the drain")
	default:
	}
	close(end)
	if err := receive(t, done, "the end of Consume"); err != nil {
		t.Errorf("Consume = %v, want nil", err)
	}
	eventually(t, patience, "the handler's message is acknowledged too", func() bool { return waiting(t, b) == 0 })
	select {
	case <-other:
		t.Error("the message in flight was delivered twice")
	default:
	}
}

func TestConsumeDrainIsBounded(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	publish(t, b, "unverified.genesys", "", "")
	const drain = 300 * time.Millisecond
	begun, lasted := make(chan struct{}, 1), make(chan time.Time, 1)
	stop := consume(t, b, 1, drain, func(ctx context.Context, _ *bus.Delivery) error {
		begun <- struct{}{}
		<-ctx.Done()
		lasted <- time.Now()
		return ctx.Err()
	})
	receive(t, begun, "the delivery")
	ended := time.Now()
	stop()
	if d := receive(t, lasted, "the end of the handler's context").Sub(ended); d < drain {
		t.Errorf("the handler's context outlived Consume's by %s, want %s", d, drain)
	}
	if n := waiting(t, b); n != 1 {
		t.Errorf("messages after a handler that failed = %d, want 1", n)
	}
}
