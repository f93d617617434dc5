package webhook

import "time"

// Phase is how far a webhook is on its way to the desired state, or the step that is being taken.
type Phase string

// The phases. The order of the first block is that of the steps.
const (
	PhaseValidating Phase = "validating" // the message was accepted; references are being looked up
	PhasePolicy     Phase = "policy"     // the verifiers are told
	PhaseRoute      Phase = "route"      // the ingress is told
	PhaseCreating   Phase = "creating"   // it is looked for in Genesys Cloud, else created, disabled
	PhaseUpdating   Phase = "updating"   // Genesys Cloud's webhook differs from the desired one
	PhaseTesting    Phase = "testing"    // Genesys Cloud sends a test event
	PhaseEnabling   Phase = "enabling"
	PhaseRemoving   Phase = "removing" // what was captured is still judged before the policy goes

	PhaseWaiting Phase = "waiting" // something failed that may pass; it is tried again at NextTry

	PhaseLive       Phase = "live"       // the desired state is reached
	PhaseRemoved    Phase = "removed"    // the desired absence is reached
	PhaseFailed     Phase = "failed"     // somebody has to change something
	PhaseSuperseded Phase = "superseded" // a newer message took this one's place
	PhaseStale      Phase = "stale"      // refused: its generation is older than one that was accepted
)

// Final reports whether nothing more will happen on a message's behalf, as far as one can tell.
func (p Phase) Final() bool {
	switch p {
	case PhaseLive, PhaseRemoved, PhaseFailed, PhaseSuperseded, PhaseStale:
		return true
	}
	return false
}

// Status answers one config message. It is announced on config-status.<webhook> at every change and kept in the bucket
// "webhooks" as part of a Record. It holds no secret.
type Status struct {
	Webhook    string `json:"webhook"`
	Phase      Phase  `json:"phase"`
	Generation int64  `json:"generation,omitempty"`
	// ConfigSequence is the sequence in the stream CONFIG of the message that this answers. Whoever published a message
	// and sees a greater one than its own was superseded.
	ConfigSequence uint64 `json:"configSequence"`
	GenesysID      string `json:"genesysId,omitempty"`
	PolicyRevision uint64 `json:"policyRevision,omitempty"` // of the policy in force
	// Error says what is wrong in words that an operator can act on; Fields lists the fields that are wrong, if it is them.
	Error  string      `json:"error,omitempty"`
	Fields FieldErrors `json:"fields,omitempty"`
	// Secrets are those that verify now, the current one first.
	Secrets []SecretEpoch `json:"secrets,omitempty"`
	// Test is the last connectivity test; nil if there was none. Drift is what was last found changed by hand since the
	// message was accepted, and put back; nil if nothing was.
	Test  *Test  `json:"test,omitempty"`
	Drift *Drift `json:"drift,omitempty"`
	// NextTry is when the provisioner looks again by itself: after a failure that may pass, when an old secret expires, or
	// when published addresses are read again.
	NextTry   time.Time `json:"nextTry,omitzero"`
	UpdatedAt time.Time `json:"updatedAt"`
	// Steps are those that this message made necessary, in their order; none means that nothing had to change.
	Steps []Step `json:"steps,omitempty"`
}

// Step is one step towards the desired state.
type Step struct {
	Name      string    `json:"name"`
	StartedAt time.Time `json:"startedAt"`
	DoneAt    time.Time `json:"doneAt,omitzero"` // zero: under way, or failed
	Note      string    `json:"note,omitempty"`  // what came of it, for operators
}

// StatusRoot is the first token of the subject that statuses are announced on, ConfigRoot that of config messages. The
// second token is the webhook.
const (
	StatusRoot = "config-status"
	ConfigRoot = "config"
)
