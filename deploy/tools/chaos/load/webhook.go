// Package load sends requests to hookproof as its senders and its enemies do: genuine ones, copies of them, forgeries, and what
// is wrong in other ways. In go a seed and the webhooks; what is sent and answered goes to a history. It judges nothing.
package load

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

// Webhook is a webhook that requests are sent to. It is safe for concurrent use.
type Webhook struct {
	Name, Scheme string
	// Inside and Outside are the starts of client addresses inside and outside the allowlist; Outside is empty where
	// every address is allowed.
	Inside, Outside string
	MaxBody         int // bytes

	secret atomic.Pointer[string]
}

// SetSecret makes the sender sign with another secret from now on.
func (w *Webhook) SetSecret(text string) { w.secret.Store(&text) }

// Secret returns the secret that the sender signs with.
func (w *Webhook) Secret() string { return *w.secret.Load() }

// sign returns the headers of a request that was signed at some time with some secret. Open Messaging has the time in its
// body and nothing here.
func (w *Webhook) sign(secret, id string, at time.Time, body []byte) http.Header {
	h := http.Header{}
	switch w.Scheme {
	case history.OpenMessaging:
		h.Set("X-Hub-Signature-256", "sha256="+mac([]byte(secret), body))
	case history.StandardWebhooks:
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")) // ours is good
		stamp := strconv.FormatInt(at.Unix(), 10)
		h.Set("Webhook-Id", id)
		h.Set("Webhook-Timestamp", stamp)
		h.Set("Webhook-Signature", "v1,"+mac(key, []byte(id+"."+stamp+"."), body))
	default:
		h.Set("X-Genesys-Timestamp", strconv.FormatInt(at.UnixMilli(), 10))
		h.Set("X-Genesys-Signature", mac([]byte(secret), body))
	}
	return h
}

func (w *Webhook) signatureHeader() string {
	switch w.Scheme {
	case history.OpenMessaging:
		return "X-Hub-Signature-256"
	case history.StandardWebhooks:
		return "Webhook-Signature"
	}
	return "X-Genesys-Signature"
}

func (w *Webhook) stampHeader() string {
	switch w.Scheme {
	case history.OpenMessaging:
		return ""
	case history.StandardWebhooks:
		return "Webhook-Timestamp"
	}
	return "X-Genesys-Timestamp"
}

func mac(key []byte, parts ...[]byte) string {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
