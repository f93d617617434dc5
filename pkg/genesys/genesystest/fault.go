package genesystest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind says how a call goes wrong.
type Kind string

// The kinds of faults. Those of the first group answer instead of the operation, which has no effect; those of the second
// spoil the answer of an operation that has had its effect.
const (
	// RateLimited answers 429, with Fault.RetryAfter as the header's text; empty leaves the header out.
	RateLimited Kind = "rate-limited"
	// ServerError answers Fault.Status, by default 500, with RetryAfter if it is given.
	ServerError Kind = "server-error"
	// Reset closes the connection without an answer.
	Reset Kind = "reset"
	// ExpiredToken answers 401, and the token that was used stays expired.
	ExpiredToken Kind = "expired-token"
	// MissingScope answers 403.
	MissingScope Kind = "missing-scope"
	// HTML answers a page, as a proxy would, with Fault.Status, by default 200.
	HTML Kind = "html"
	// Redirect answers Fault.Status, by default 307, with Fault.Location.
	Redirect Kind = "redirect"

	// Slow waits Fault.Delay before the operation, which happens even if the client has gone by then.
	Slow Kind = "slow"
	// HalfAnswer sends the first half of the answer and closes the connection.
	HalfAnswer Kind = "half-answer"
	// HalfJSON sends the first half of the answer as if it were the whole.
	HalfJSON Kind = "half-json"
	// LostAnswer closes the connection instead of answering.
	LostAnswer Kind = "lost-answer"
	// GatewayTimeout answers 504.
	GatewayTimeout Kind = "gateway-timeout"
	// CreationFails makes the asynchronous creation of an Open Messaging integration end in Error.
	CreationFails Kind = "creation-fails"
)

// kinds returns every kind.
func kinds() []Kind {
	return []Kind{
		RateLimited, ServerError, Reset, ExpiredToken, MissingScope, HTML, Redirect,
		Slow, HalfAnswer, HalfJSON, LostAnswer, GatewayTimeout, CreationFails,
	}
}

// Fault is something that goes wrong with the next matching calls.
type Fault struct {
	// Op is the operation's name as State and genesys.Error use it, such as "CreateWebhook" or "Token"; empty means any.
	Op string
	// Path is a prefix of the URL's path; empty means any.
	Path string
	// Kind is what goes wrong.
	Kind Kind
	// Skip lets that many matching calls pass first.
	Skip int
	// Times is how many calls it hits; 0 means 1, a negative number means all until ClearFaults.
	Times int
	// Status, RetryAfter, Location and Delay belong to single kinds.
	Status     int
	RetryAfter string
	Location   string
	Delay      time.Duration
}

// Inject adds a fault; the first that matches a call hits it. It panics on an unknown kind.
func (s *Simulator) Inject(f Fault) {
	if err := s.inject(f); err != nil {
		panic(err)
	}
}

func (s *Simulator) inject(f Fault) error {
	if !slices.Contains(kinds(), f.Kind) {
		return fmt.Errorf("genesystest: %q is not a kind of fault: %v", f.Kind, kinds())
	}
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
	return nil
}

// ClearFaults removes every fault that has not hit yet.
func (s *Simulator) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault returns the fault that hits a call. The caller holds the lock.
func (s *Simulator) takeFault(op, path string) Fault {
	for i, f := range s.faults {
		if f.Op != "" && f.Op != op || !strings.HasPrefix(path, f.Path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times--; f.Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return *f
	}
	return Fault{}
}
