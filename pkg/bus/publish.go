package bus

import (
	"context"

	"github.com/nats-io/nats.go"
)

// Ack is the server's word that a message is stored.
type Ack struct {
	Stream    string
	Sequence  uint64
	Duplicate bool // the stream already held a message of that id; this one was not stored
}

// Publish stores a message and returns once its stream has acknowledged it. Publishes of many goroutines are in flight
// together. Errors are ErrUnavailable, ErrFull, ErrTooLarge, ErrConflict or the context's own; after ErrUnavailable and the
// context's the message may be stored nevertheless. The message must not be changed afterwards.
func (b *Bus) Publish(ctx context.Context, m *nats.Msg) (Ack, error) {
	future, err := b.js.PublishMsgAsync(m)
	if err != nil {
		return Ack{}, classify(err)
	}
	select {
	case ack := <-future.Ok():
		return Ack{Stream: ack.Stream, Sequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
	case err := <-future.Err():
		return Ack{}, classify(err)
	case <-ctx.Done():
		return Ack{}, classify(ctx.Err())
	}
}

// Announce publishes a message that no stream keeps.
func (b *Bus) Announce(subject string, data []byte) error {
	return classify(b.nc.Publish(subject, data))
}

// Listen calls fn with each message on a subject until stop is called. It sees what is published from now on.
func (b *Bus) Listen(subject string, fn func(*nats.Msg)) (stop func(), err error) {
	sub, err := b.nc.Subscribe(subject, fn)
	if err != nil {
		return nil, classify(err)
	}
	// The server must know of the subscription before the caller publishes what it waits for.
	if err := b.nc.Flush(); err != nil {
		return nil, classify(err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}
