package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
)

// RecordFormat is the version of a stored Record.
const RecordFormat = 1

// ErrRecordFormat says that a stored record is of a format that this program does not know; only a newer one may change it.
var ErrRecordFormat = errors.New("unknown record format")

// Record is all that is known about a webhook, as the bucket "webhooks" keeps it under the webhook's name. Every change is
// made on the revision that was read, so it is also what keeps two provisioners from undoing each other.
type Record struct {
	Format  int    `json:"format"`
	Webhook string `json:"webhook"`

	// Desired is the last message that was accepted; nil if none ever was.
	Desired *Webhook `json:"desired,omitempty"`
	// ConfigSequence is that message's, and Generation the greatest ever accepted.
	ConfigSequence uint64 `json:"configSequence,omitempty"`
	Generation     int64  `json:"generation,omitempty"`
	// SecretRevision is the revision of this record that was the first to desire its secret: of two webhooks that desire
	// the same one, the first has it. DecodeRecord fills it in where the record's own revision is meant.
	SecretRevision uint64 `json:"secretRevision,omitempty"`

	// Trace is the span context that Desired was accepted in, as W3C Trace Context writes it; empty for none.
	Trace string `json:"trace,omitempty"`

	// Observed is what was found or done.
	Observed Observed `json:"observed,omitzero"`
	// Status answers Desired; without a Desired it is Refused.
	Status Status `json:"status"`
	// Refused answers the last message that was refused; nil once a newer one was accepted. Desired stays in force.
	Refused *Status `json:"refused,omitempty"`
	// Attempts counts the failures in a row, for the pause before the next.
	Attempts int `json:"attempts,omitempty"`
	// Lease says which provisioner works on the webhook.
	Lease Lease `json:"lease,omitzero"`
}

// Lease keeps other provisioners away until its time is over.
type Lease struct {
	Holder string    `json:"holder,omitempty"` // the instance
	Until  time.Time `json:"until,omitzero"`
}

// HeldAgainst reports whether somebody other than instance holds the lease at now.
func (l Lease) HeldAgainst(instance string, now time.Time) bool {
	return l.Holder != "" && l.Holder != instance && now.Before(l.Until)
}

// DecodeRecord reads a record as the bucket stores it. A deleted entry is an empty record. Errors wrap ErrRecordFormat.
func DecodeRecord(e bus.Entry) (Record, error) {
	if e.Deleted {
		return NewRecord(e.Key), nil
	}
	var r Record
	if err := json.Unmarshal(e.Value, &r); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecordFormat, err)
	}
	if r.Format != RecordFormat {
		return Record{}, fmt.Errorf("%w: %d", ErrRecordFormat, r.Format)
	}
	if r.SecretRevision == 0 && r.Desired != nil {
		r.SecretRevision = e.Revision
	}
	return r, nil
}

// NewRecord returns the record of a webhook that nothing is known about.
func NewRecord(webhook string) Record { return Record{Format: RecordFormat, Webhook: webhook} }

// Encode returns the record as the bucket stores it.
func (r Record) Encode() ([]byte, error) { return json.Marshal(r) }
