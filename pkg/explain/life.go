package explain

import (
	"time"

	"github.com/hookproof/hookproof/pkg/check"
)

// Life is what is known of a request.
type Life struct {
	ID            string    `json:"id"`
	Webhook       string    `json:"webhook"`
	State         string    `json:"state"` // VERIFIED, BLOCKED, PARKED or WAITING: what the latest attempt came to
	ReceivedAt    time.Time `json:"receivedAt"`
	ClientAddress string    `json:"clientAddress,omitempty"` // empty when it could not be resolved
	Peer          string    `json:"peer"`                    // the TCP peer
	Path          string    `json:"path"`                    // without its query
	Attempts      []Attempt `json:"attempts"`                // oldest first
}

// Attempt is one passage through the verifier.
type Attempt struct {
	Attempt           int            `json:"attempt"` // 0 is the first passage, n the nth redrive
	RedrivenBy        string         `json:"redrivenBy,omitempty"`
	State             string         `json:"state"`
	At                time.Time      `json:"at"` // when the outcome was stored, or the message that waits
	Subject           string         `json:"subject"`
	Stream            string         `json:"stream"`
	Sequence          uint64         `json:"sequence"`
	Reason            string         `json:"reason,omitempty"`
	Detail            string         `json:"detail,omitempty"`
	Verifier          string         `json:"verifier,omitempty"`
	PolicyRevision    uint64         `json:"policyRevision,omitempty"`
	Checks            []check.Result `json:"checks,omitempty"`          // empty when nothing was judged, or the policy is forgotten
	PolicyForgotten   bool           `json:"policyForgotten,omitempty"` // that revision is no longer kept, so its checks cannot be listed
	PossibleDuplicate bool           `json:"possibleDuplicate,omitempty"`
	TraceID           string         `json:"traceId,omitempty"`
	TraceURL          string         `json:"traceUrl,omitempty"`
}

// States of a Life and an Attempt. The first three are those of the audit log.
const (
	Verified = "VERIFIED"
	Blocked  = "BLOCKED"
	Parked   = "PARKED"
	Waiting  = "WAITING" // in UNVERIFIED: no verifier has stored an outcome yet
)
