package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors that callers branch on.
var (
	// ErrUnavailable says that the outcome is unknown or the bus cannot be reached: try again with the same message id.
	ErrUnavailable = errors.New("bus unavailable")
	// ErrFull says that a stream is at its limit: back-pressure, not loss.
	ErrFull = errors.New("stream full")
	// ErrTooLarge says that a message with its headers is larger than the bus accepts.
	ErrTooLarge = errors.New("message too large for the bus")
	// ErrNotFound says that nothing is stored under a key or sequence.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that a key was changed since it was read, or is being changed.
	ErrConflict = errors.New("changed by another writer")
)

// Error codes of the server that nats.go has no name for.
const (
	codeStreamStoreFailed jetstream.ErrorCode = 10077 // a stream with DiscardNew is full
	codeWrongSequence     jetstream.ErrorCode = 10071
	codeWrongSequenceBusy jetstream.ErrorCode = 10164 // the same while another write to that subject is in flight
	codeInsufficient      jetstream.ErrorCode = 10023
	codeMsgSizeExceeded   jetstream.ErrorCode = 10054
)

// classify maps what nats.go returns to the errors of this package, with the original inside.
func classify(err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrReconnectBufExceeded): // there is no buffer, so it says no more than that
		return fmt.Errorf("%w: not connected", ErrUnavailable)
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, jetstream.ErrMsgNotFound), errors.Is(err, jetstream.ErrKeyNotFound):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.As(err, &api):
		return classifyAPI(api)
	case errors.Is(err, context.Canceled):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

func classifyAPI(api *jetstream.APIError) error {
	switch api.ErrorCode {
	case codeWrongSequence, codeWrongSequenceBusy:
		return fmt.Errorf("%w: %w", ErrConflict, api)
	case codeStreamStoreFailed, codeInsufficient:
		return fmt.Errorf("%w: %w", ErrFull, api)
	case codeMsgSizeExceeded:
		return fmt.Errorf("%w: %w", ErrTooLarge, api)
	default: // duplicate in process (10158), no leader, overload: the same id may be tried again
		return fmt.Errorf("%w: %w", ErrUnavailable, api)
	}
}
