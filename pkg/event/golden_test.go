package event_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

const requestID = "018f3a2e-7c11-7d3a-9b52-0a1b2c3d4e5f"

var receivedAt = time.Date(2026, 11, 24, 4, 0, 1, 20_000_000, time.FixedZone("CET", 3600))

// captured is a request as an ingress captures it, with every kind of header that one may have.
func captured() *event.Request {
	h := http.Header{
		"Content-Type":        {"application/json; charset=utf-8"},
		"User-Agent":          {"Genesys/1.0"},
		"X-Genesys-Signature": {"M85PBQF4RA4k+GOAaN2CrdUWUq1c73Q5F4E7E24ArV0="},
		"X-Genesys-Timestamp": {"1795489200000"},
		"X-Forwarded-For":     {"203.0.113.7", "198.51.100.2, 10.0.0.1"},
		"Content-Encoding":    {"gzip"},
		"Nats-Msg-Id":         {"chosen by the sender"},
		"Nats-Rollup":         {"all"},
		"Ce-Id":               {"chosen by the sender"},
		"Traceparent":         {"00-11111111111111111111111111111111-2222222222222222-01"},
		"Hookproof-Reason":    {"chosen by the sender"},
		"Authorization":       {"Basic c2VjcmV0OnNlY3JldA=="},
		"Cookie":              {"session=secret"},
		"Connection":          {"keep-alive, X-For-One-Hop"},
		"X-For-One-Hop":       {"1"},
	}
	return &event.Request{ID: requestID, Webhook: "genesys", ReceivedAt: receivedAt, RemoteAddr: "10.0.0.1:40312",
		ClientIP: netip.MustParseAddr("198.51.100.2"), Path: "/webhooks/genesys?tenant=a%20b", Body: []byte("{\"a\": 1.50,\n \"b\": \"\\u00e9\"}\n"),
		Header: event.CaptureHeader(h, "hooks.example.com")}
}

// stored is that request as a verifier decodes it.
func stored(t *testing.T) *event.Request {
	t.Helper()
	m := event.Encode(captured())
	m.Header.Set("traceparent", "00-33333333333333333333333333333333-4444444444444444-01") // the ingress's own
	r, err := event.Decode(m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMessageFormat(t *testing.T) {
	judged := event.Judgement{PolicyRevision: 12, Verifier: "verifier-1", Key: "d2hhdCBhIHJlcGxheSBrZXk"}
	rejected, typed, doubtful := judged, judged, judged
	rejected.Key, rejected.Verdict = "", event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailHexEncoded}
	typed.Type = "v2.conversation.message"
	doubtful.PossibleDuplicate, doubtful.ReplayUnchecked = true, true
	redriven := captured()
	redriven.Attempt = 2
	unreadable := event.Encode(captured())
	unreadable.Header["Hookproof-Version"] = []string{"2"}
	for _, c := range []struct {
		name string
		msg  *nats.Msg
	}{
		{"captured", event.Encode(captured())},
		{"redriven", event.Encode(redriven)},
		{"verified", event.VerifiedMsg(stored(t), judged)},
		{"verified-typed", event.VerifiedMsg(stored(t), typed)},
		{"verified-doubtful", event.VerifiedMsg(stored(t), doubtful)},
		{"rejected", event.RejectedMsg(stored(t), rejected)},
		{"parked", event.ParkedMsg(unreadable, 4711, "verifier-1", event.Verdict{Reason: event.UnknownVersion, Detail: `unknown message version: "2"`})},
		{"parked-foreign", event.ParkedMsg(&nats.Msg{Subject: "unverified.genesys", Data: []byte{0xff}}, 4712, "verifier-1", event.Verdict{Reason: event.Unreadable})},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, got := filepath.Join("testdata", c.name+".golden"), dump(c.msg)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("the format has changed (go test ./pkg/event -update, if it shall). Got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// dump writes a message for people: the subject, each header line in order of its name, and the body.
func dump(m *nats.Msg) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", m.Subject)
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		for _, value := range m.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	fmt.Fprintf(&b, "\n%q\n", m.Data)
	return b.Bytes()
}
