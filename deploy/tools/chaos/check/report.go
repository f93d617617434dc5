// Package check judges a run by its history alone. In goes a history.History; out come sets of what went wrong, each of which
// must be empty. It reads no clock, no file and no bus, shares no code with what it judges, and has a model of its own of
// every check, down to the HMAC.
package check

import "fmt"

// Sets of what may be wrong with a run.
const (
	Lost          = "lost"           // answered 2xx, and there is no outcome
	Mutated       = "mutated"        // an outcome is not what was sent
	Undecided     = "undecided"      // still waiting at the end
	VerifiedTwice = "verified-twice" // one event, by its id or by its key
	DecidedTwice  = "decided-twice"  // two outcomes of one request
	FalseReplay   = "false-replay"   // called a replay, and no other copy was verified
	Misjudged     = "misjudged"      // not what the model says
	Forged        = "forged"         // verified, and no valid secret signed it
	Phantom       = "phantom"        // an outcome that nobody sent, or that was refused
	Misanswered   = "misanswered"    // the sender was told what it must not be told
	Broken        = "broken"         // a promise of the scenario beside these
	Crashed       = "crashed"        // a process ended as none may
	Inert         = "inert"          // too little happened for the run to prove anything
)

// Sets lists every set in the order in which they are shown.
func Sets() []string {
	return []string{Lost, Mutated, Undecided, VerifiedTwice, DecidedTwice, FalseReplay, Misjudged, Forged, Phantom, Misanswered, Broken, Crashed, Inert}
}

// Report is what was found.
type Report struct {
	Found map[string][]string // by set; what is wrong, one line each
	Counts
}

// Counts say how much happened.
type Counts struct {
	Attempts, Accepted, Unanswered, Verified, Rejected, Replays, Parked, Faults int
}

// Good reports whether every set is empty.
func (r Report) Good() bool {
	for _, lines := range r.Found {
		if len(lines) > 0 {
			return false
		}
	}
	return true
}

func (r *Report) add(set, format string, args ...any) {
	r.Found[set] = append(r.Found[set], fmt.Sprintf(format, args...))
}
