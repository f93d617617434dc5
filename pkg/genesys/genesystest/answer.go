package genesystest

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// answer is what an operation says; a nil body is none.
type answer struct {
	status int
	header map[string]string
	body   any
}

// apiError is the error body of the API.
type apiError struct {
	Message       string            `json:"message"`
	Code          string            `json:"code"`
	Status        int               `json:"status"`
	MessageParams map[string]string `json:"messageParams,omitempty"`
	ContextID     string            `json:"contextId"`
	Details       []errorDetail     `json:"details"`
	Errors        []apiError        `json:"errors"`
}

// errorDetail says what is wrong with one field.
type errorDetail struct {
	ErrorCode string `json:"errorCode"`
	FieldName string `json:"fieldName"`
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

func refuse(status int, code, message string, details ...errorDetail) answer {
	return answer{status: status, body: &apiError{
		Message: message, Code: code, Status: status,
		Details: append([]errorDetail{}, details...), Errors: []apiError{},
	}}
}

func notFound() answer {
	return refuse(http.StatusNotFound, "not.found", "The requested resource was not found.")
}

// invalid is the answer to a body with wrong fields.
func invalid(details []errorDetail) answer {
	return refuse(http.StatusBadRequest, "constraint.validation", "The request body failed validation.", details...)
}

func tooMany(retryAfter string) answer {
	a := refuse(http.StatusTooManyRequests, "too.many.requests.retry.after",
		"Rate limit exceeded the maximum. Retry the request in ["+retryAfter+"] seconds")
	if retryAfter != "" {
		a.header = map[string]string{"Retry-After": retryAfter}
	}
	return a
}

// encode returns the header and bytes of an answer, with a correlation id of its own.
func (s *Simulator) encode(a answer) (http.Header, []byte) {
	id := s.dice.id()
	h := http.Header{}
	h.Set("ININ-Correlation-Id", id)
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	for k, v := range a.header {
		h.Set(k, v)
	}
	if e, isError := a.body.(*apiError); isError {
		e.ContextID = id
	}
	if a.body == nil {
		return h, nil
	}
	b, err := json.Marshal(a.body)
	if err != nil {
		panic(err) // every body is a struct of this package
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	return h, b
}

func (s *Simulator) write(w http.ResponseWriter, a answer) {
	h, b := s.encode(a)
	send(w, a.status, h, b)
}

func send(w http.ResponseWriter, status int, h http.Header, body []byte) {
	for k, v := range h {
		w.Header()[k] = v
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone is its own affair
}
