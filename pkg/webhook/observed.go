package webhook

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
)

// Observed is the state of the world as the provisioner last saw it. It holds no secret's value.
type Observed struct {
	PolicyRevision uint64          `json:"policyRevision,omitempty"`
	Secrets        []policy.Secret `json:"secrets,omitempty"` // the ring in force: references and times
	// Epochs numbers the secrets of the ring, LastEpoch is the greatest number ever given, and DigestKey is what their
	// digests are keyed with.
	Epochs    []Epoch `json:"epochs,omitempty"`
	LastEpoch int     `json:"lastEpoch,omitempty"`
	DigestKey []byte  `json:"digestKey,omitempty"`
	// Generated is the secret that was made up for the webhook; the zero value if none was.
	Generated Generated `json:"generated,omitzero"`
	// Addresses are those that Genesys Cloud publishes, for an allowlist that follows them.
	Addresses      Addresses `json:"addresses,omitzero"`
	RouteWrittenAt time.Time `json:"routeWrittenAt,omitzero"`
	RouteRemovedAt time.Time `json:"routeRemovedAt,omitzero"`
	// Genesys is the webhook in Genesys Cloud; the zero value if it was never meant to be there.
	Genesys Remote `json:"genesys,omitzero"`
}

// Epoch is one secret of the ring. A secret whose reference stays while its content changes is another one.
type Epoch struct {
	SecretEpoch
	Ref secret.Ref `json:"ref"`
	// Digest is a keyed digest of the secret. It tells equal secrets from others; whoever reads it could test guesses of a
	// weak secret, as whoever reads an event and its signature can.
	Digest string `json:"digest"`
}

// Generated is a secret that was made up.
type Generated struct {
	For secret.Ref `json:"for,omitempty"` // the text that asked for it, such as generate:2
	Ref secret.Ref `json:"ref,omitempty"` // the secret itself, sealed to the pool's key
}

// Addresses are the published addresses of a service.
type Addresses struct {
	ReadAt time.Time `json:"readAt,omitzero"` // when the last good answer was read
	Ranges []Range   `json:"ranges,omitempty"`
}

// Range is a published range of addresses.
type Range struct {
	Prefix netip.Prefix `json:"prefix"`
	GoneAt time.Time    `json:"goneAt,omitzero"` // when it was first missing from an answer; zero while it is published
}

// Remote is the webhook in Genesys Cloud.
type Remote struct {
	Kind Kind   `json:"kind,omitempty"` // which of its APIs knows it
	ID   string `json:"id,omitempty"`   // empty until it is created or found
	// Creating is a creation that was begun and whose outcome is not known.
	Creating *Creation `json:"creating,omitempty"`
	// ListedAt is when all webhooks were last looked through; until then again and again if before SettleBy, because a
	// creation whose answer was lost may take its effect late.
	ListedAt time.Time `json:"listedAt,omitzero"`
	SettleBy time.Time `json:"settleBy,omitzero"`
	Enabled  bool      `json:"enabled,omitempty"`
	// SecretDigest is of the secret that Genesys Cloud signs with; empty while that is not certain.
	SecretDigest string  `json:"secretDigest,omitempty"`
	Applied      Applied `json:"applied,omitzero"`
	Test         *Test   `json:"test,omitempty"`
	Drift        *Drift  `json:"drift,omitempty"`
}

// Creation identifies a webhook whose id was never learnt.
type Creation struct {
	Name   string    `json:"name"`
	Target string    `json:"target"`
	At     time.Time `json:"at"`
}

// Applied is what was last written, by the API's names of the fields, and what Genesys Cloud then showed: it may write a
// value in a way of its own, and that is no change made by hand. Secrets are not among the fields.
type Applied struct {
	Sent  map[string]json.RawMessage `json:"sent,omitempty"`
	Shown map[string]json.RawMessage `json:"shown,omitempty"`
}

// Test is the outcome of a connectivity test.
type Test struct {
	Target    string    `json:"target,omitempty"` // the URI that was tested; left out of a Status
	Succeeded bool      `json:"succeeded"`
	Message   string    `json:"message,omitempty"` // Genesys Cloud's explanation
	At        time.Time `json:"at"`
}

// Drift is what somebody changed by hand in Genesys Cloud.
type Drift struct {
	Fields  []string  `json:"fields"` // by the API's names; "deleted" for the webhook as a whole
	FoundAt time.Time `json:"foundAt"`
}

// FieldDeleted stands for the whole webhook in a Drift.
const FieldDeleted = "deleted"

// SecretEpoch tells about one secret of the ring without showing it.
type SecretEpoch struct {
	Epoch     int       `json:"epoch"` // 1 for the webhook's first secret
	Since     time.Time `json:"since"`
	NotAfter  time.Time `json:"notAfter,omitzero"`  // when it stops being accepted; zero: no end is set
	InGenesys bool      `json:"inGenesys,omitzero"` // Genesys Cloud signs with it
}

// Summary puts what operators look at into a status.
func (o Observed) Summary(s Status) Status {
	s.PolicyRevision, s.GenesysID, s.Drift = o.PolicyRevision, o.Genesys.ID, o.Genesys.Drift
	s.Test, s.Secrets = nil, nil
	if t := o.Genesys.Test; t != nil {
		s.Test = &Test{Succeeded: t.Succeeded, Message: t.Message, At: t.At}
	}
	for _, e := range o.Epochs {
		e.InGenesys = o.Genesys.SecretDigest != "" && e.Digest == o.Genesys.SecretDigest
		s.Secrets = append(s.Secrets, e.SecretEpoch)
	}
	return s
}
