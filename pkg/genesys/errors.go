package genesys

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Errors that an Error wraps and that a caller may branch on.
var (
	// ErrRedirect says that the server answered with a redirect, which is never followed.
	ErrRedirect = errors.New("a redirect is refused: it could carry the client's credentials to another host")
	// ErrMalformed says that an answer was not what the API documents: not JSON, cut off, too long, or empty where it
	// cannot be.
	ErrMalformed = errors.New("malformed answer")
	// ErrTimeout says that one attempt took longer than Config.Timeout.
	ErrTimeout = errors.New("no answer in time")
	// ErrCreation says that Genesys Cloud gave up creating an Open Messaging integration.
	ErrCreation = errors.New("the creation ended in an error")
	// ErrInvalid says that a call was refused before anything was sent.
	ErrInvalid = errors.New("invalid request")
)

// Error is how every call of a Client fails, except for one that is ErrInvalid. Text from the server is cut to a
// bounded length and never holds the secrets that the call sent.
type Error struct {
	// Op is the operation's name, such as "CreateWebhook"; "Token" is the request for a token.
	Op string
	// Status is the HTTP status; 0 means that there was no answer.
	Status int
	// Code and Message are the server's, from the fields code and message; empty if it sent none.
	Code, Message string
	// CorrelationID is what Genesys Cloud's support asks for: the header ININ-Correlation-Id, else the field contextId.
	CorrelationID string
	// RetryAfter is how long the server asked to wait; 0 means that it did not say.
	RetryAfter time.Duration
	// Details name what was wrong with single fields; at most eight.
	Details []Detail
	// Attempts counts the requests that the call has sent, or tried to send.
	Attempts int

	permission string
	repeatable bool
	unsure     bool // the request may have had its effect
	cause      error
}

// Detail is one entry of an error's details or errors.
type Detail struct {
	// Code is the server's errorCode, Field the name of the field that it is about.
	Code, Field string
}

// String is the field, if the server named one, and its code, both quoted.
func (d Detail) String() string {
	if d.Field == "" {
		return strconv.Quote(d.Code)
	}
	return fmt.Sprintf("field %q: %q", d.Field, d.Code)
}

// Error describes the failure in one line. What the server said is quoted.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "genesys: %s: ", e.Op)
	b.WriteString(e.outcome())
	if e.Message != "" {
		fmt.Fprintf(&b, ": %q", e.Message)
	}
	for _, d := range e.Details {
		b.WriteString(", " + d.String())
	}
	if s := e.MissingScope(); s != "" {
		fmt.Fprintf(&b, ", the OAuth client needs %s", s)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, ", retry after %v", e.RetryAfter)
	}
	if e.Ambiguous() {
		b.WriteString(", it may have been done all the same")
	}
	if e.CorrelationID != "" {
		fmt.Fprintf(&b, ", correlation id %q", e.CorrelationID)
	}
	return b.String()
}

// outcome says what happened in terms of HTTP: "status 400 (bad.request)", "status 200: malformed answer: …".
func (e *Error) outcome() string {
	var parts []string
	if e.Status != 0 {
		status := fmt.Sprintf("status %d", e.Status)
		if e.Code != "" {
			status += fmt.Sprintf(" (%q)", e.Code)
		}
		parts = append(parts, status)
	}
	if e.cause != nil {
		parts = append(parts, clip(e.cause.Error(), maxMessage))
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause: one of the package's sentinels, a network error, or the cause of the context's end.
func (e *Error) Unwrap() error { return e.cause }

// IsNotFound reports whether the server knows no such webhook or integration.
func (e *Error) IsNotFound() bool { return e.Status == http.StatusNotFound && e.Op != tokenOp }

// MissingScope returns the permission that the operation needs if the server refused it with 403, or "". Webhooks need
// integrations:webhook:read, write or execute; Open Messaging needs messaging:integration:view, add, edit or delete.
func (e *Error) MissingScope() string {
	if e.Status != http.StatusForbidden {
		return ""
	}
	return e.permission
}

// Temporary reports whether the same call may succeed later without anybody changing anything: after a time-out, a broken
// connection, 408, 429, 5xx or a malformed answer.
func (e *Error) Temporary() bool {
	switch {
	case e.Status == http.StatusRequestTimeout, e.Status == http.StatusTooManyRequests, e.Status >= 500:
		return true
	case e.Status >= 300:
		return false
	}
	return !errors.Is(e.cause, ErrInvalid) && !errors.Is(e.cause, ErrCreation)
}

// Ambiguous reports whether a creation may have happened although its call failed. Look the name up before creating
// again. It is false for what can be repeated without harm.
func (e *Error) Ambiguous() bool { return e.unsure && !e.repeatable }

// IsNotFound reports whether err is an Error of which IsNotFound is true.
func IsNotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.IsNotFound()
}

// IsAmbiguous reports whether err is an Error of which Ambiguous is true.
func IsAmbiguous(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Ambiguous()
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}
