package provisioner

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
)

// maxRetryAfter is the longest pause that Genesys Cloud is granted; after it one request finds out more.
const maxRetryAfter = time.Hour

// lasting reports whether trying again soon does not help: somebody has to change something.
func lasting(err error) bool {
	if _, ok := errors.AsType[permanentError](err); ok {
		return true
	}
	if e, ok := errors.AsType[*genesys.Error](err); ok {
		return !e.Temporary() && !e.IsNotFound() // what went away meanwhile is found out by looking again
	}
	return errors.Is(err, genesys.ErrInvalid)
}

// explain returns the error in words that an operator can act on.
func explain(err error) string {
	e, ok := errors.AsType[*genesys.Error](err)
	switch {
	case ok && (e.Status == http.StatusUnauthorized || e.Op == "Token" && e.Status == http.StatusBadRequest):
		return err.Error() + "; check GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET and GENESYS_ENVIRONMENT"
	case ok && e.Status == http.StatusForbidden:
		return err.Error() + "; grant it to a role of the OAuth client, it is looked at again at the next recheck"
	}
	return err.Error()
}

// pause returns how long to wait before the next try: as long as Genesys Cloud asked for, else the backoff.
func (w *work) pause(err error) time.Duration {
	if e, ok := errors.AsType[*genesys.Error](err); ok && e.RetryAfter > 0 {
		return min(e.RetryAfter, maxRetryAfter) + rand.N(w.cfg.Backoff)
	}
	return w.backoff()
}

// backoff is the pause after so many attempts: doubled with each, at most MaxBackoff, and at least half of it certain.
func (w *work) backoff() time.Duration {
	d := min(w.cfg.Backoff<<min(w.Attempts-1, 20), w.cfg.MaxBackoff)
	return d/2 + rand.N(d/2+1)
}
