package ingress

import (
	"encoding/json"
	"errors"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
)

// refusal is a request that is not captured: what its sender is told. It tells nothing of any check.
type refusal struct {
	status     int
	code       string        // for programs
	message    string        // for people
	retryAfter time.Duration // 0: not told
	close      bool          // close the connection: what follows on it cannot be trusted
}

func (r *refusal) Error() string { return r.message }

const storeRetryAfter = 2 * time.Second

var (
	errUnknownWebhook = &refusal{status: http.StatusNotFound, code: "unknown_webhook", message: "there is no such webhook"}
	errMethod         = &refusal{status: http.StatusMethodNotAllowed, code: "method_not_allowed", message: "a webhook takes POST only"}
	errNotLoaded      = &refusal{status: http.StatusServiceUnavailable, code: "starting", message: "the routes cannot be read yet", retryAfter: storeRetryAfter}
	errHeaders        = &refusal{status: http.StatusRequestHeaderFieldsTooLarge, code: "headers_too_large", message: "at most 100 header lines and 32 KiB are captured", close: true}
	errTooLarge       = &refusal{status: http.StatusRequestEntityTooLarge, code: "body_too_large", message: "the body is larger than this webhook takes", close: true}
	errSlow           = &refusal{status: http.StatusRequestTimeout, code: "body_too_slow", message: "the body did not arrive in time", close: true}
	errBody           = &refusal{status: http.StatusBadRequest, code: "body_unreadable", message: "the body ended early or is malformed", close: true}
	errNotStored      = &refusal{status: http.StatusServiceUnavailable, code: "not_stored", message: "the request could not be stored; send it again", retryAfter: storeRetryAfter}
)

func errRate(wait time.Duration) *refusal {
	return &refusal{status: http.StatusTooManyRequests, code: "rate_exceeded", message: "too many requests", retryAfter: wait}
}

// refuse maps an error to what the sender is told. It is the only place that does.
func refuse(err error) *refusal {
	var r *refusal
	var tooLarge *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &r):
		return r
	case errors.As(err, &tooLarge), errors.Is(err, bus.ErrTooLarge):
		return errTooLarge
	case errors.Is(err, bus.ErrUnavailable), errors.Is(err, bus.ErrFull):
		return errNotStored
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return errSlow
	default:
		return errBody
	}
}

func writeRefusal(w http.ResponseWriter, r *refusal) {
	h := w.Header()
	if r.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(r.retryAfter.Seconds()))))
	}
	if r.status == http.StatusMethodNotAllowed {
		h.Set("Allow", http.MethodPost)
	}
	if r.close {
		h.Set("Connection", "close")
	}
	writeJSON(w, r.status, struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}{r.code, r.message})
}

// writeAccepted answers with the id, a UUID, so that nothing in it needs to be escaped.
func writeAccepted(w http.ResponseWriter, id string) {
	writeBody(w, http.StatusOK, []byte(`{"status":"accepted","id":"`+id+`"}`+"\n"))
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // not with the type above
		status, b = http.StatusInternalServerError, []byte(`{"error":"internal"}`)
	}
	writeBody(w, status, append(b, '\n'))
}

// Values of every answer, which net/http only reads.
var jsonType, noSniff = []string{"application/json"}, []string{"nosniff"}

func writeBody(w http.ResponseWriter, status int, b []byte) {
	h := w.Header()
	h["Content-Type"], h["X-Content-Type-Options"] = jsonType, noSniff
	w.WriteHeader(status)
	_, _ = w.Write(b) // the sender may be gone
}
