package event_test

import (
	"bytes"
	"net/http"
	"net/netip"
	"testing"

	"github.com/hookproof/hookproof/pkg/event"
)

// plainRequest is a request as Genesys Cloud sends it, with a body of 1 KiB.
func plainRequest() *event.Request {
	return &event.Request{ID: requestID, Webhook: "genesys", ReceivedAt: receivedAt, RemoteAddr: "10.0.0.1:40312", ClientIP: netip.MustParseAddr("198.51.100.2"),
		Path: "/webhooks/genesys", Body: bytes.Repeat([]byte("x"), 1024), Header: event.CaptureHeader(http.Header{
			"Content-Type": {"application/json"}, "Content-Length": {"1024"}, "User-Agent": {"Genesys/1.0"},
			"X-Genesys-Signature": {"M85PBQF4RA4k+GOAaN2CrdUWUq1c73Q5F4E7E24ArV0="}, "X-Genesys-Timestamp": {"1795489200000"},
		}, "hooks.example.com")}
}

// BenchmarkEncode captures the headers of a request and makes its message, as an ingress does.
func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		event.Encode(plainRequest())
	}
}

// BenchmarkDecode reads a message as a verifier does, once the client has parsed its headers.
func BenchmarkDecode(b *testing.B) {
	m := event.Encode(plainRequest())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Decode(m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifiedMsg makes the outcome of a genuine request.
func BenchmarkVerifiedMsg(b *testing.B) {
	r, err := event.Decode(event.Encode(plainRequest()))
	if err != nil {
		b.Fatal(err)
	}
	j := event.Judgement{PolicyRevision: 7, Verifier: "verifier-1", Key: "kT3zPq0m9vJ2nN4c8s1bGw"}
	b.ReportAllocs()
	for b.Loop() {
		event.VerifiedMsg(r, j)
	}
}
