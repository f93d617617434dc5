package event

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/planted"
)

// Header is the header of a message: captured HTTP headers under their prefix beside hookproof's own.
// It shares the message's map and is as safe for concurrent use as that.
type Header nats.Header

// Values returns every captured value of an HTTP header, in the order in which the lines came. The name may be in any case.
func (h Header) Values(name string) []string {
	return h[httpPrefix+textproto.CanonicalMIMEHeaderKey(name)]
}

// HTTP returns the captured HTTP headers without their prefix.
func (h Header) HTTP() http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		if short, ok := strings.CutPrefix(name, httpPrefix); ok {
			out[short] = values
		}
	}
	return out
}

// notCaptured are the headers that belong to one connection (RFC 9110, section 7.6.1), and those with credentials.
var notCaptured = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Proxy-Authenticate": true,
	"Authorization": true, "Proxy-Authorization": true, "Cookie": true,
}

// CaptureHeader returns h as a message carries it: each header under the prefix, every value kept, without hop-by-hop
// headers and without Authorization, Proxy-Authorization and Cookie. The host is kept as the header Host.
// The slices of values are shared with h.
func CaptureHeader(h http.Header, host string) Header {
	out := make(Header, len(h)+9) // room for the host, for what Encode adds and for a traceparent
	for name, values := range h {
		if !notCaptured[name] {
			out[prefixed(name)] = values
		}
	}
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			delete(out, httpPrefix+textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	if host != "" {
		out[httpPrefix+"Host"] = []string{host}
	}
	return out
}

// prefixed returns the name of an HTTP header under the prefix.
func prefixed(name string) string {
	if known, ok := usual[name]; ok {
		return known
	}
	return httpPrefix + name
}

// usual holds the names that come with most requests, so that they cost no allocation.
var usual = func() map[string]string {
	m := map[string]string{}
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Cache-Control", "Content-Length", "Content-Type", "User-Agent",
		"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Real-Ip", "X-Request-Id",
		"Traceparent", "Tracestate", "X-Amzn-Trace-Id",
		"X-Genesys-Signature", "X-Genesys-Timestamp", "X-Hub-Signature-256", "Webhook-Id", "Webhook-Signature", "Webhook-Timestamp",
	} {
		m[name] = httpPrefix + name
	}
	return m
}()

func (h Header) get(name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// writer sets values of a header, one a name. Their slices are cut from one array, which saves an allocation for each.
type writer struct {
	Header
	values []string
}

// write returns a writer with room for so many values; more than that only cost an allocation.
func (h Header) write(room int) *writer { return &writer{h, make([]string, 0, room)} }

func (w *writer) set(name, value string) {
	if planted.NoMsgID && name == headerMsgID {
		return
	}
	w.values = append(w.values, value)
	n := len(w.values)
	w.Header[name] = w.values[n-1 : n : n] // to append to it copies it, so that it never runs into its neighbour
}
