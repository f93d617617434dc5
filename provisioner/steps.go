package provisioner

import (
	"context"

	"github.com/hookproof/hookproof/pkg/webhook"
)

// Names of the steps, as a webhook.Step shows them.
const (
	StepCredentials = "credentials"
	StepSecret      = "secret"
	StepValidate    = "validate"
	StepAddresses   = "addresses"
	StepPolicy      = "policy"
	StepRoute       = "route"
	StepFind        = "find"
	StepCreate      = "create"
	StepComplete    = "complete"
	StepUpdate      = "update"
	StepTest        = "test"
	StepEnable      = "enable"
	StepRetire      = "retire old secrets"
	StepDelete      = "delete in Genesys Cloud"
	StepUnroute     = "remove route"
	StepDrain       = "judge what was captured"
	StepUnpolicy    = "remove policy"
)

// Points at which a test build can be made to fail, by pkg/failpoint and the name that Failpoint returns.
const (
	PointBegun    = "begun"    // it is recorded that the step begins
	PointDone     = "done"     // it is done, which is not recorded
	PointRecorded = "recorded" // and now it is
)

// FailpointAccepted is passed when a config message is recorded and not yet acknowledged.
const FailpointAccepted = "config.accepted"

// Failpoint names a point of a step.
func Failpoint(step, point string) string { return step + "." + point }

// step is one part of the way to the desired state, made for one pass. What do writes to the bus, it writes over what done
// has read: between the two the record was written under the lease, so a pass that was overtaken changes nothing. Genesys
// Cloud knows no such condition; there the lease alone keeps two passes apart, and what a pass that lost it has created is
// found by its name.
type step struct {
	name  string
	phase webhook.Phase // of the status while do works
	// done compares, and changes nothing but the record's Observed.
	done func(ctx context.Context, w *work) (bool, error)
	// do closes the difference. Its note tells operators what came of it.
	do func(ctx context.Context, w *work) (note string, err error)
}

// steps lists what the record's desired state takes, in order.
func (w *work) steps() []step {
	if w.Desired.Removed() {
		return removal()
	}
	// The verifiers know a secret before anybody signs with it, and the webhook before the ingress lets its requests in.
	local := []step{generate(), validate(), followAddresses()}
	if k := w.Observed.Genesys.Kind; k != "" && k != w.Desired.Kind {
		local = append(local, deleteRemote()) // before the policy turns to another scheme
	}
	local = append(local, writePolicy(StepPolicy), writeRoute())
	switch w.Desired.Kind {
	case webhook.KindWebhook:
		return append(append([]step{needsGenesys()}, local...), find(), create(), update(), connectivity(), enable(), writePolicy(StepRetire))
	case webhook.KindOpenMessaging:
		return append(append([]step{needsGenesys()}, local...), find(), create(), complete(), update(), writePolicy(StepRetire))
	}
	return local
}

// removal takes the webhook away in the order that loses nothing: no new events, no new requests, then judge those that
// were captured, then the policy they are judged by.
func removal() []step { return []step{deleteRemote(), removeRoute(), drain(), removePolicy()} }

func needsGenesys() step {
	return step{name: StepCredentials, phase: webhook.PhaseValidating, done: func(_ context.Context, w *work) (bool, error) {
		if w.cfg.Genesys == nil {
			return false, errNoCredentials()
		}
		return true, nil
	}}
}
