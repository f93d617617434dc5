package ingress

import (
	"bytes"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/failpoint"
	"github.com/hookproof/hookproof/pkg/route"
)

const (
	maxHeaderLines = 100
	maxHeaderBytes = 32 << 10
	// busRoom is what a message may need beside the body: the largest headers with their prefixes, and what an outcome adds.
	busRoom = maxHeaderBytes + maxHeaderLines*len("Http-") + 8<<10
	// firstRead bounds what is allocated on a sender's word about its length.
	firstRead = 32 << 10
)

// webhookOf returns the webhook that an escaped path names, or "". A slash that is escaped parts nothing.
func webhookOf(path string) string {
	escaped, ok := strings.CutPrefix(path, "/webhooks/")
	if !ok {
		return ""
	}
	name, err := url.PathUnescape(escaped)
	if err != nil || !event.ValidWebhook(name) {
		return ""
	}
	return name
}

// checkHeader refuses headers that are too many or too large to store.
func checkHeader(h http.Header, host string) error {
	lines, size := 0, len(host)
	for name, values := range h {
		for _, v := range values {
			lines++
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if lines > maxHeaderLines || size > maxHeaderBytes {
		return errHeaders
	}
	return nil
}

// readBody reads a body of at most limit bytes. net/http itself ends one of a length that was announced.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, errTooLarge
	}
	var b bytes.Buffer
	if r.ContentLength > 0 {
		b.Grow(int(min(r.ContentLength, firstRead)) + bytes.MinRead) // with MinRead to spare, the last read needs no growth
	}
	body := r.Body
	if r.ContentLength < 0 {
		body = http.MaxBytesReader(w, body, limit)
	}
	_, err := b.ReadFrom(body)
	return b.Bytes(), err
}

// capture turns a request into what is stored. It shares the header's values and the body.
func capture(r *http.Request, rt route.Route, client netip.Addr, body []byte) (*event.Request, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		r.Header[name] = trimmed(values)
	}
	return &event.Request{
		ID: id.String(), Webhook: rt.Webhook, ReceivedAt: failpoint.Now(), RemoteAddr: r.RemoteAddr, ClientIP: client,
		Path: r.URL.RequestURI(), Header: event.CaptureHeader(r.Header, r.Host), Body: body,
	}, nil
}

// trimmed returns values without the blanks around them, which are no part of a value (RFC 9110, section 5.5) and would not
// pass the bus. Only a folded line leaves any.
func trimmed(values []string) []string {
	blank := func(v string) bool { return textproto.TrimString(v) != v }
	if !slices.ContainsFunc(values, blank) {
		return values
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = textproto.TrimString(v)
	}
	return out
}
