package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/planted"
)

// Delivery is a message that a durable consumer handed out.
type Delivery struct {
	Msg        *nats.Msg // subject, header and data; there is nothing to acknowledge on it
	Sequence   uint64    // in the stream
	Deliveries uint64    // how often it was delivered, this time included
	Fetched    time.Time // when this process took it up, with the monotonic clock
	// SoleUntil is how long nobody else can have it: it was delivered once only, and half of the acknowledgement wait is not
	// over. The zero time is never.
	SoleUntil time.Time
}

// Handler handles a delivery. Nil acknowledges the message; an error gives it back, to be delivered again after a delay
// that grows with the deliveries, or after the delay that RetryAfter named. Handlers of many messages run at once.
type Handler func(ctx context.Context, d *Delivery) error

// retryError is an error with the delay that its handler chose.
type retryError struct {
	error
	after time.Duration
}

func (e retryError) Unwrap() error { return e.error }

// RetryAfter returns err such that a Handler's message is delivered again after the delay.
func RetryAfter(err error, delay time.Duration) error { return retryError{err, delay} }

// Delays of a message that was given back.
const (
	retryFirst = 250 * time.Millisecond
	retryMost  = 30 * time.Second
)

// prefetchBytes bounds what waits in this process beyond the messages in work.
const prefetchBytes = 32 << 20

func retryDelay(err error, deliveries uint64) time.Duration {
	var r retryError
	if errors.As(err, &r) {
		return r.after
	}
	return min(retryFirst<<min(max(deliveries, 1)-1, 10), retryMost)
}

// Consume hands the messages of a durable consumer to handler, up to concurrency at once, until ctx ends. Then it takes no
// more messages, gives back those that wait, and returns nil when the handlers in flight are done. Handlers get a
// context that outlives ctx by drain, so that what they have begun can end. A consumer that is missing is waited for.
func (b *Bus) Consume(ctx context.Context, stream, consumer string, concurrency int, drain time.Duration, handler Handler) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drain, stop) })()
	l := &loop{b: b, ctx: ctx, work: work, handler: handler, log: b.log.With("stream", stream, "consumer", consumer),
		fetched: make(chan fetched)}
	var workers sync.WaitGroup
	for range concurrency {
		workers.Go(l.worker)
	}
	for ctx.Err() == nil {
		if err := l.pull(stream, consumer, concurrency); err != nil && ctx.Err() == nil {
			l.log.Warn("consumer interrupted, trying again", "error", err)
			sleep(ctx, time.Second)
		}
	}
	close(l.fetched)
	workers.Wait()
	return nil
}

type loop struct {
	b       *Bus
	ctx     context.Context // of Consume: ends when no more messages should be taken
	work    context.Context // of the handlers
	handler Handler
	log     *slog.Logger
	fetched chan fetched
	arrived *arrivals     // of pull
	sole    time.Duration // how long a message that was delivered is nobody else's, with a margin
}

type fetched struct {
	msg     jetstream.Msg
	at      time.Time
	arrived time.Time // not before
}

// pull feeds the workers until ctx ends or the consumer's iterator closes, as it does when the consumer is deleted.
func (l *loop) pull(stream, consumer string, prefetch int) error {
	c, err := l.b.js.Consumer(l.ctx, stream, consumer)
	if err != nil {
		return err
	}
	prefetch = max(prefetch, 16)
	l.arrived, l.sole = newArrivals(prefetch), c.CachedInfo().Config.AckWait/2
	cc, err := c.Consume(l.take, jetstream.PullMaxMessagesWithBytesLimit(prefetch, prefetchBytes), jetstream.PullExpiry(10*time.Second),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { l.log.Debug("pull", "error", err) }))
	if err != nil {
		return err
	}
	select {
	case <-cc.Closed():
		return errors.New("the consumer was closed: it may have been deleted")
	case <-l.ctx.Done():
		if l.b.nc.IsConnected() {
			cc.Drain() // what waits goes through take, which gives it back
		} else {
			cc.Stop() // nobody to give it back to, and draining would wait 10 s for the server
		}
		<-cc.Closed()
		return nil
	}
}

// take runs for one message after the other. It blocks while every worker is busy, which stops pulling.
func (l *loop) take(m jetstream.Msg) {
	now := time.Now()
	f := fetched{m, now, l.arrived.take(now)}
	if l.ctx.Err() == nil {
		select {
		case l.fetched <- f:
			return
		default:
			l.arrived.held(now)
		}
		select {
		case l.fetched <- f:
			return
		case <-l.ctx.Done():
		}
	}
	_ = m.Nak() // without delay: another process can have it now
}

func (l *loop) worker() {
	for f := range l.fetched {
		l.handle(f)
	}
}

func (l *loop) handle(f fetched) {
	m := f.msg
	meta, err := m.Metadata()
	if err != nil {
		l.log.Error("a delivery without metadata", "error", err)
		return
	}
	d := &Delivery{
		Msg:      &nats.Msg{Subject: m.Subject(), Header: m.Headers(), Data: m.Data()},
		Sequence: meta.Sequence.Stream, Deliveries: meta.NumDelivered, Fetched: f.at,
	}
	if d.Deliveries == 1 {
		d.SoleUntil = f.arrived.Add(l.sole)
	}
	if planted.AckFirst {
		_ = m.Ack()
	}
	err = l.call(d)
	if err == nil {
		err = m.Ack()
	} else {
		delay, level := retryDelay(err, d.Deliveries), slog.LevelWarn
		if l.ctx.Err() != nil {
			level = slog.LevelDebug // what is in flight when the loop ends may well not get through
		}
		l.log.Log(l.work, level, "message given back", "sequence", d.Sequence, "deliveries", d.Deliveries, "delay", delay, "error", err)
		err = m.NakWithDelay(delay)
	}
	if err != nil { // the message comes again after the acknowledgement wait
		l.log.Debug("acknowledge", "sequence", d.Sequence, "error", err)
	}
}

// call turns a handler's panic into an error, so that one message cannot take the process down.
func (l *loop) call(d *Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return l.handler(l.work, d)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
