package signature_test

import (
	"bytes"
	"encoding/base64"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/signature"
)

func BenchmarkSigned(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1024)
	for _, s := range append(allSchemes()[:3], hexBody) {
		name := s.Name
		if name == signature.NameCustom {
			name += "-hex"
		}
		b.Run(name, func(b *testing.B) {
			key := newKey(b, s, base64.StdEncoding.EncodeToString([]byte(secretText)))
			p, fault := s.Read(s.Sign(key, "msg_1", time.Unix(1614265330, 0), body))
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if !s.Signed(key, p, body) {
					b.Fatalf("Signed = false (%q)", fault)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	s := named(b, signature.NameGenesysWebhook)
	h := s.Sign(newKey(b, s, secretText), "", time.UnixMilli(0), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, fault := s.Read(h); fault != signature.NoFault {
			b.Fatal(fault)
		}
	}
}
