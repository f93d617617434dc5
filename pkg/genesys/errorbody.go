package genesys

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookproof/hookproof/pkg/secret"
)

// Bounds on text that the server chose, in bytes.
const (
	maxMessage = 300
	maxCode    = 100
	maxDetails = 8
)

// minRedacted is the shortest secret that is taken out of texts: shorter ones would be found in every word.
const minRedacted = 4

// errorBody is what Genesys Cloud answers with when it refuses
// (https://developer.genesys.cloud/platform/api/ lists the codes).
type errorBody struct {
	Message   string        `json:"message"`
	Code      string        `json:"code"`
	ContextID string        `json:"contextId"`
	Details   []errorDetail `json:"details"`
	Errors    []errorBody   `json:"errors"`
}

type errorDetail struct {
	ErrorCode string `json:"errorCode"`
	FieldName string `json:"fieldName"`
}

// fill takes what an error answer says. A body that is not the documented JSON, such as a proxy's page, says nothing.
func (e *Error) fill(body []byte, clean func(string) string) {
	var b errorBody
	if json.Unmarshal(body, &b) != nil {
		return
	}
	e.Code = clip(clean(b.Code), maxCode)
	e.Message = clip(clean(b.Message), maxMessage)
	if e.CorrelationID == "" {
		e.CorrelationID = clip(clean(b.ContextID), maxCode)
	}
	for _, d := range b.Details {
		e.detail(clean(d.ErrorCode), clean(d.FieldName))
	}
	for _, inner := range b.Errors {
		e.detail(clean(inner.Code), "")
	}
}

func (e *Error) detail(code, field string) {
	if len(e.Details) < maxDetails && (code != "" || field != "") {
		e.Details = append(e.Details, Detail{Code: clip(code, maxCode), Field: clip(field, maxCode)})
	}
}

// header takes what the header of an answer says.
func (e *Error) header(h http.Header, now time.Time, clean func(string) string) {
	e.CorrelationID = clip(clean(h.Get("ININ-Correlation-Id")), maxCode)
	e.RetryAfter = retryAfter(h, now)
}

// causeOf returns the sentinel that a status stands for, or nil.
func causeOf(status int) error {
	if status >= 300 && status < 400 {
		return ErrRedirect
	}
	return nil
}

// redact returns what takes the client's own credentials, and the given secrets, out of text that the server chose: a
// validation error may repeat the value that it refuses.
func (c *Client) redact(more ...secret.Text) (clean func(string) string) {
	basic := url.QueryEscape(c.cfg.ClientID) + ":" + url.QueryEscape(c.cfg.ClientSecret.Reveal())
	var pairs []string
	for _, s := range append(more, secret.New(basic), c.cfg.ClientSecret) {
		for _, spelling := range spellings(s.Reveal()) {
			pairs = append(pairs, spelling, s.String())
		}
	}
	return strings.NewReplacer(pairs...).Replace
}

// spellings returns the forms in which a server that repeats a request may write a secret.
func spellings(v string) []string {
	if len(v) < minRedacted {
		return nil
	}
	escaped, err := json.Marshal(v) // with <, > and & escaped, where a quoted string has them as they are
	if err != nil {
		escaped = []byte(`""`)
	}
	quoted := strconv.Quote(v)
	return []string{
		v, url.QueryEscape(v), url.PathEscape(v), string(escaped[1 : len(escaped)-1]), quoted[1 : len(quoted)-1],
		base64.StdEncoding.EncodeToString([]byte(v)), hex.EncodeToString([]byte(v)),
	}
}

// clip cuts s to at most n bytes, between runes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
