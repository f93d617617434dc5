package verifier

import (
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/signature"
)

// BenchmarkReplayKey makes the key of a request with a body of 1 KiB.
func BenchmarkReplayKey(b *testing.B) {
	s := named(b, signature.NameGenesysWebhook)
	r := requestOf(canonical(s.Sign(keyOf(b, s, secretText), "", receivedAt, []byte(bodyText))), strings.Repeat("x", 1024))
	p, _ := s.Read(r.Header)
	b.ReportAllocs()
	for b.Loop() {
		replayKey(r, s, p)
	}
}

// BenchmarkDecide judges a request with a body of 1 KiB, the time it takes to decode it left out.
func BenchmarkDecide(b *testing.B) {
	open := named(b, signature.NameGenesysOpenMessaging)
	body := bodyText + strings.Repeat(" ", 1024-len(bodyText))
	for _, s := range []signature.Scheme{named(b, signature.NameGenesysWebhook), open, hexTimed} {
		for _, c := range []struct {
			name string
			body string
			want event.Reason
		}{{"genuine", body, ""}, {"forged", body[:1023] + "\n", event.SignatureMismatch}} {
			b.Run(s.Name+"/"+c.name, func(b *testing.B) {
				ring := ringOf(b, s)
				r := requestOf(canonical(s.Sign(keyOf(b, s, secretText), "", receivedAt, []byte(body))), c.body)
				b.ReportAllocs()
				b.SetBytes(int64(len(r.Body)))
				for b.Loop() {
					if d := Decide(r, ring); d.Reason != c.want {
						b.Fatalf("Decide = %+v, want %q", d.Verdict, c.want)
					}
				}
			})
		}
	}
}
