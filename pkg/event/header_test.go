package event_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/event"
)

func TestCaptureHeader(t *testing.T) {
	for _, c := range []struct {
		name   string
		header http.Header
		host   string
		want   map[string][]string // without the prefix
	}{
		{"none", http.Header{}, "", map[string][]string{}},
		{"the host", http.Header{}, "example.com", map[string][]string{"Host": {"example.com"}}},
		{"every value in its order", http.Header{"X-A": {"2", "1", "2", ""}}, "", map[string][]string{"X-A": {"2", "1", "2", ""}}},
		{"hop by hop", http.Header{"Connection": {"close"}, "Keep-Alive": {"1"}, "Proxy-Connection": {"1"}, "Te": {"1"}, "Trailer": {"1"},
			"Transfer-Encoding": {"chunked"}, "Upgrade": {"h2c"}, "Proxy-Authenticate": {"1"}, "X-A": {"1"}}, "", map[string][]string{"X-A": {"1"}}},
		{"credentials", http.Header{"Authorization": {"a"}, "Proxy-Authorization": {"b"}, "Cookie": {"c"}}, "", map[string][]string{}},
		{"named in Connection", http.Header{"Connection": {"x-one , X-TWO", "x-three"}, "X-One": {"1"}, "X-Two": {"1"}, "X-Three": {"1"}, "X-Four": {"1"}}, "",
			map[string][]string{"X-Four": {"1"}}},
		{"Connection names the host", http.Header{"Connection": {"host"}}, "example.com", map[string][]string{"Host": {"example.com"}}},
		{"what the bus acts on", http.Header{"Nats-Msg-Id": {"1"}, "Nats-Trace-Dest": {"x"}}, "", map[string][]string{"Nats-Msg-Id": {"1"}, "Nats-Trace-Dest": {"x"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := event.CaptureHeader(c.header, c.host)
			if got := map[string][]string(h.HTTP()); !maps.EqualFunc(got, c.want, slices.Equal) {
				t.Errorf("CaptureHeader(%q, %q).HTTP() = %q, want %q", c.header, c.host, got, c.want)
			}
			for name := range h {
				if !strings.HasPrefix(name, "Http-") {
					t.Errorf("CaptureHeader(%q, %q) has %q, want nothing without the prefix", c.header, c.host, name)
				}
			}
		})
	}
}

func TestValues(t *testing.T) {
	h := event.CaptureHeader(http.Header{"X-Genesys-Signature": {"b", "a"}}, "")
	for _, name := range []string{"X-Genesys-Signature", "x-genesys-signature", "X-GENESYS-SIGNATURE"} {
		if got := h.Values(name); !slices.Equal(got, []string{"b", "a"}) {
			t.Errorf("Values(%q) = %q, want b and a", name, got)
		}
	}
	if got := h.Values("Http-X-Genesys-Signature"); got != nil {
		t.Errorf("Values with the prefix = %q, want none", got)
	}
}

// acting are header names that a NATS server, a CloudEvents consumer, a tracer or hookproof itself would act on.
var acting = []string{
	"Nats-Msg-Id", "Nats-Expected-Stream", "Nats-Expected-Last-Sequence", "Nats-Expected-Last-Msg-Id", "Nats-Expected-Last-Subject-Sequence",
	"Nats-Rollup", "Nats-TTL", "Nats-Ttl", "Nats-Trace-Dest", "Nats-Trace-Only", "Nats-Schedule", "Nats-Schedule-Target", "Nats-Batch-Id",
	"Nats-Batch-Sequence", "Nats-Batch-Commit", "Nats-Incr", "Nats-Counter-Sources", "Nats-Marker-Reason", "Nats-Required-Api-Level",
	"Kv-Operation", "KV-Operation", "Status", "Description",
	"Ce-Id", "ce-id", "Ce-Type", "ce-type", "Ce-Specversion", "ce-specversion", "Traceparent", "traceparent", "Tracestate", "tracestate", "Baggage", "baggage",
	"Hookproof-Id", "Hookproof-Version", "Hookproof-Reason", "Hookproof-Detail", "Hookproof-Key", "Hookproof-Attempt", "Hookproof-Client-Ip",
	"Hookproof-Received-At", "Hookproof-Redriven-By", "Hookproof-Verifier", "Hookproof-Policy-Revision", "Hookproof-Possible-Duplicate", "Hookproof-Replay-Check",
	"Http-Host", "Http-X-Genesys-Signature",
}

const forged = "chosen by the sender"

// TestReservedFromHTTP holds that nothing a sender writes stands in a header of a message without the prefix.
func TestReservedFromHTTP(t *testing.T) {
	h := http.Header{"X-Genesys-Signature": {"genuine"}}
	for _, name := range acting {
		h[name] = []string{forged}
	}
	r := captured()
	r.Header = event.CaptureHeader(h, "hooks.example.com")
	m := event.Encode(r)
	decoded, err := event.Decode(m)
	if err != nil {
		t.Fatal(err)
	}
	if got := decoded.Header.Values("X-Genesys-Signature"); !slices.Equal(got, []string{"genuine"}) {
		t.Errorf("the signature = %q, want the header's own: Http-X-Genesys-Signature must not become it", got)
	}
	verdict := event.Verdict{Reason: event.SignatureMismatch}
	for _, m := range []*nats.Msg{m, event.VerifiedMsg(decoded, event.Judgement{}), event.RejectedMsg(decoded, event.Judgement{Verdict: verdict}),
		event.ParkedMsg(m, 1, "v", verdict)} {
		for name, values := range m.Header {
			if slices.Contains(values, forged) && !strings.HasPrefix(name, "Http-") {
				t.Errorf("%s: header %q = %q, want nothing that a sender wrote", m.Subject, name, values)
			}
		}
		if got, want := m.Header["Nats-Msg-Id"], 1; len(got) != want {
			t.Errorf("%s: Nats-Msg-Id = %q, want one", m.Subject, got)
		}
	}
}

// TestReservedOnTheBus holds that a forged message on unverified.* does not act on the stream of its outcome.
func TestReservedOnTheBus(t *testing.T) {
	own := []string{"Hookproof-Id", "Hookproof-Version", "Hookproof-Attempt", "Hookproof-Redriven-By", "Hookproof-Client-Ip", "Hookproof-Received-At", "traceparent", "tracestate"}
	m := event.Encode(captured())
	for _, name := range acting {
		if !slices.Contains(own, name) {
			m.Header[name] = []string{forged}
		}
	}
	r, err := event.Decode(m)
	if err != nil {
		t.Fatal(err)
	}
	verdict := event.Verdict{Reason: event.ReplayDetected}
	for _, out := range []*nats.Msg{event.VerifiedMsg(r, event.Judgement{}), event.RejectedMsg(r, event.Judgement{Verdict: verdict}), event.ParkedMsg(m, 1, "v", verdict)} {
		for name, values := range out.Header {
			if slices.Contains(values, forged) && !strings.HasPrefix(name, "Http-") {
				t.Errorf("%s: header %q = %q, want it left out", out.Subject, name, values)
			}
		}
	}
}

func TestMsgIDs(t *testing.T) {
	for _, c := range []struct {
		attempt                      int
		captured, verified, rejected string
	}{
		{0, requestID + ".0", requestID, requestID + ".0"},
		{3, requestID + ".3", requestID, requestID + ".3"},
	} {
		r := captured()
		r.Attempt = c.attempt
		for what, got := range map[string]struct{ id, want string }{
			"captured": {event.Encode(r).Header.Get("Nats-Msg-Id"), c.captured},
			"verified": {event.VerifiedMsg(r, event.Judgement{}).Header.Get("Nats-Msg-Id"), c.verified},
			"rejected": {event.RejectedMsg(r, event.Judgement{}).Header.Get("Nats-Msg-Id"), c.rejected},
			"parked":   {event.ParkedMsg(event.Encode(r), 7, "v", event.Verdict{}).Header.Get("Nats-Msg-Id"), "unverified.7"},
		} {
			if got.id != got.want {
				t.Errorf("attempt %d, %s: Nats-Msg-Id = %q, want %q", c.attempt, what, got.id, got.want)
			}
		}
	}
}

// TestContentType holds that content-type is told only where it is one.
func TestContentType(t *testing.T) {
	for _, c := range []struct{ values, want []string }{
		{nil, nil},
		{[]string{"text/plain"}, []string{"text/plain"}},
		{[]string{"text/plain", "text/html"}, nil},
	} {
		r := captured()
		r.Header = event.CaptureHeader(http.Header{"Content-Type": c.values}, "")
		if got := event.VerifiedMsg(r, event.Judgement{}).Header["content-type"]; !slices.Equal(got, c.want) {
			t.Errorf("content-type of %q = %q, want %q", c.values, got, c.want)
		}
	}
}
