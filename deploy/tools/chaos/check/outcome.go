package check

import (
	"bytes"
	"maps"
	"net/netip"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

// Streams.
const (
	unverified = "UNVERIFIED"
	verified   = "VERIFIED"
	rejected   = "REJECTED"
	parked     = "PARKED"
)

// outcome is a message of a stream, read.
type outcome struct {
	*history.Message
	webhook   string
	id        string
	attempt   int // 0 when the message names none
	reason    string
	detail    string
	duplicate bool // says that it may be one
	revision  int
	passage   int // 0 at first, n at the nth redrive
	request   request
	key       string // of verified ones
}

const httpPrefix = "Http-"

func newOutcome(m *history.Message) *outcome {
	o := &outcome{Message: m}
	_, o.webhook, _ = strings.Cut(m.Subject, ".")
	o.id, o.reason, o.detail = o.one("Hookproof-Id"), o.one("Hookproof-Reason"), o.one("Hookproof-Detail")
	o.duplicate = o.one("Hookproof-Possible-Duplicate") == "true"
	o.attempt, _ = strconv.Atoi(o.one(history.MessageAttempt)) // 0 is no attempt
	o.revision, _ = strconv.Atoi(o.one("Hookproof-Policy-Revision"))
	o.passage, _ = strconv.Atoi(o.one("Hookproof-Attempt")) // 0 is the first
	o.request = request{header: map[string][]string{}, body: m.Body}
	for name, values := range m.Header {
		if short, ok := strings.CutPrefix(name, httpPrefix); ok {
			o.request.header[short] = values
		}
	}
	o.request.clientIP, _ = netip.ParseAddr(o.one("Hookproof-Client-Ip"))
	o.request.received, _ = time.Parse(time.RFC3339Nano, o.one("Hookproof-Received-At"))
	return o
}

func (o *outcome) one(name string) string {
	if v := o.Header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// age is how long after its receipt the outcome was stored.
func (o *outcome) age() time.Duration { return o.At.Sub(o.request.received) }

// checkOutcome holds a message against the attempt that it is of, and against the model.
func (r *run) checkOutcome(o *outcome) {
	if o.Stream == unverified {
		r.add(Undecided, "attempt %d, sequence %d, %s", o.attempt, o.Sequence, o.Subject)
		return
	}
	if r.external[o.webhook] {
		r.checkJudgement(o)
		return
	}
	a, ok := r.attempts[o.attempt]
	if !ok {
		r.add(Phantom, "%s %d: attempt %q", o.Stream, o.Sequence, o.one(history.MessageAttempt))
		return
	}
	if first := r.byN[a.N][0]; first.id != o.id {
		r.add(Phantom, "attempt %d is stored as %s and as %s", a.N, first.id, o.id)
		return
	}
	if what := r.difference(a, o); what != "" {
		r.add(Mutated, "attempt %d on %s: %s", a.N, o.Subject, what)
		return
	}
	if a.Kind == history.KindInjected {
		if o.Stream != parked || o.reason != a.Want {
			r.add(Misjudged, "attempt %d (%s): %s %s, want parked %s", a.N, a.Kind, o.Stream, o.reason, a.Want)
		}
		return
	}
	r.checkJudgement(o)
}

// difference says what of an outcome is not as it was sent.
func (r *run) difference(a *history.Attempt, o *outcome) string {
	if !bytes.Equal(a.Body, o.Body) {
		return "the body"
	}
	if o.Subject != strings.ToLower(o.Stream)+"."+a.Webhook {
		return "the subject"
	}
	want := captured(a)
	if !maps.EqualFunc(want, o.request.header, slices.Equal) {
		for _, name := range slices.Sorted(maps.Keys(o.request.header)) {
			if !slices.Equal(want[name], o.request.header[name]) {
				return "the header " + name
			}
		}
		return "a header is missing"
	}
	if a.Kind == history.KindInjected {
		return "" // the rest is not the ingress's
	}
	if o.request.clientIP.String() != a.ClientIP {
		return "the client address"
	}
	latest := o.At
	if answer, ok := r.answers[a.N]; ok && answer.Status == 200 {
		latest = answer.At
	}
	if o.request.received.Before(a.At.Add(-clockGrain)) || o.request.received.After(latest.Add(clockGrain)) {
		return "the time of receipt"
	}
	return ""
}

// notCaptured are the headers that stay behind: RFC 9110, section 7.6.1, and credentials.
var notCaptured = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"Proxy-Authenticate", "Authorization", "Proxy-Authorization", "Cookie"}

// captured returns the headers that a message must carry of an attempt.
func captured(a *history.Attempt) map[string][]string {
	out := map[string][]string{}
	for name, values := range a.Header {
		if name = textproto.CanonicalMIMEHeaderKey(name); !slices.Contains(notCaptured, name) {
			out[name] = values
		}
	}
	return out
}
