package ingress

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
)

// storingMemory is how long one request that could not be stored counts. A server that turned its traffic away for it has to
// be tried again some time: there is no other way to learn that it stores.
const storingMemory = 15 * time.Second

// storing remembers whether the last request could be stored. A stream that is there and has room may nevertheless take
// nothing: its disk is full, a write error has frozen it, or its replicas have no majority. It is safe for concurrent use.
type storing struct {
	failed atomic.Pointer[time.Time] // when the last one could not; nil once one was
}

// note notes what came of storing a request.
func (s *storing) note(err error) {
	switch {
	case err == nil:
		if s.failed.Load() != nil {
			s.failed.Store(nil)
		}
	case errors.Is(err, bus.ErrUnavailable), errors.Is(err, bus.ErrFull):
		now := time.Now()
		s.failed.Store(&now)
	}
}

// Storing reports an error when the last request could not be stored, and that was not long ago.
func (s *Server) Storing(context.Context) error {
	failed := s.storing.failed.Load()
	if failed == nil || time.Since(*failed) > storingMemory {
		return nil
	}
	return fmt.Errorf("a request could not be stored %s ago, and none has been since", time.Since(*failed).Round(time.Second))
}
