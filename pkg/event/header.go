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
	out := make(Header, len(h)+12) // room for what Encode and an outcome add
	for name, values := range h {
		if !notCaptured[name] {
			out[httpPrefix+name] = values
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
