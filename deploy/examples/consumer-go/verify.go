package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"github.com/nats-io/nats.go/jetstream"
)

// genuine checks the signature again, for who trusts the bus less than the sender's secret. The body is what the sender
// signed, byte for byte. It says nothing about copies: those only hookproof sees. This is the scheme genesys-webhook; others
// sign other headers, and after a rotation the former secret has to be tried as well.
func genuine(secret string, m jetstream.Msg) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(m.Data())
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(want), []byte(m.Headers().Get("Http-X-Genesys-Signature")))
}
