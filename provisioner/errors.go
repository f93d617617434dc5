package provisioner

import (
	"errors"
	"time"

	"github.com/hookproof/hookproof/pkg/webhook"
)

// Errors that end a pass.
var (
	errNotLoaded = errors.New("the records of the webhooks are not yet read")
	// errLost says that somebody else changed what this pass works on: a newer message came, or another provisioner took
	// over. The record decides what to do next.
	errLost = errors.New("changed by somebody else")
	// errInterrupted is the cause when a pass is cancelled because a newer message came.
	errInterrupted = errors.New("a newer message came")
)

// permanentError is a failure that lasts until somebody changes something.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// permanent marks an error as one that trying again does not help.
func permanent(err error) error { return permanentError{err} }

// errNoCredentials says that nothing can be done in Genesys Cloud.
func errNoCredentials() error {
	return permanent(errors.New("this provisioner has no credentials for Genesys Cloud: start it with GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET"))
}

// wrongField is the permanent error of one field of the desired state.
func wrongField(field, problem string) error {
	return permanent(webhook.FieldErrors{{Field: field, Problem: problem}})
}

// pauseError is no failure: there is something to wait for, and it is time to look again after a while.
type pauseError struct {
	why   string
	after time.Duration
}

func (e pauseError) Error() string { return e.why }
