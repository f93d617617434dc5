package check

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

// Verdicts of the model: genuine, or the first check that fails.
const (
	genuine          = "genuine"
	unknownWebhook   = "UNKNOWN_WEBHOOK"
	notWhitelisted   = "IP_NOT_WHITELISTED"
	missingTimestamp = "MISSING_TIMESTAMP"
	skewed           = "TIMESTAMP_SKEW_EXCEEDED"
	missingSignature = "MISSING_SIGNATURE"
	mismatch         = "SIGNATURE_MISMATCH"
	replayed         = "REPLAY_ATTACK_DETECTED"
	undecidable      = "REPLAY_UNDECIDABLE"
)

// request is what the model judges: what the message says was received.
type request struct {
	header   map[string][]string // by canonical name
	clientIP netip.Addr          // invalid when there is none
	received time.Time
	body     []byte
}

// one returns the only value of a header, "" when there is none; the generator never sends two different ones.
func (r request) one(name string) string {
	if v := r.header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// judge returns every verdict that is right for a request under a policy. It is more than one only where the signature is
// of a secret that ended at about the time of receipt.
func judge(p history.Policy, r request) []string {
	if !inside(p.Allowlist, r.clientIP) {
		return []string{notWhitelisted}
	}
	if p.Scheme != history.OpenMessaging {
		if v := timely(p, r, stamp(p, r)); v != "" {
			return []string{v}
		}
	}
	if r.one(signatureHeader(p.Scheme)) == "" {
		return []string{missingSignature}
	}
	signed, maybe := false, false
	for _, s := range p.Secrets {
		if !signedBy(p.Scheme, s.Text, r) {
			continue
		}
		switch {
		case s.EndsAfter.IsZero(), r.received.Before(s.EndsAfter):
			signed = true
		case r.received.Before(s.EndsBefore):
			maybe = true
		}
	}
	if !signed && !maybe {
		return []string{mismatch}
	}
	verdict := genuine
	if p.Scheme == history.OpenMessaging {
		if v := timely(p, r, stamp(p, r)); v != "" {
			verdict = v
		}
	}
	if signed {
		return []string{verdict}
	}
	return []string{verdict, mismatch}
}

func signatureHeader(scheme string) string {
	switch scheme {
	case history.OpenMessaging:
		return "X-Hub-Signature-256"
	case history.StandardWebhooks:
		return "Webhook-Signature"
	}
	return "X-Genesys-Signature"
}

// signedBy says whether the secret made one of the presented signatures: equal text, no decoding.
func signedBy(scheme, secret string, r request) bool {
	text := r.one(signatureHeader(scheme))
	b64 := base64.StdEncoding.EncodeToString
	switch scheme {
	case history.OpenMessaging:
		return text == "sha256="+b64(mac([]byte(secret), r.body))
	case history.StandardWebhooks:
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		content := []byte(r.one("Webhook-Id") + "." + r.one("Webhook-Timestamp") + ".")
		return err == nil && slices.Contains(strings.Fields(text), "v1,"+b64(mac(key, content, r.body)))
	}
	return text == b64(mac([]byte(secret), r.body))
}

// stamp returns the text that tells when the sender sent it.
func stamp(p history.Policy, r request) string {
	switch p.Scheme {
	case history.OpenMessaging:
		var b struct{ Channel struct{ Time string } }
		_ = json.Unmarshal(r.body, &b) // without a time it is missing
		return b.Channel.Time
	case history.StandardWebhooks:
		return r.one("Webhook-Timestamp")
	}
	return r.one("X-Genesys-Timestamp")
}

// timely holds a time against the time of receipt and returns the reason when it does not pass.
func timely(p history.Policy, r request, text string) string {
	if text == "" {
		return missingTimestamp
	}
	var at time.Time
	var err error
	var n int64
	switch p.Scheme {
	case history.OpenMessaging:
		at, err = time.Parse(time.RFC3339Nano, text)
	case history.StandardWebhooks:
		n, err = strconv.ParseInt(text, 10, 64)
		at = time.Unix(n, 0)
	default:
		n, err = strconv.ParseInt(text, 10, 64)
		at = time.UnixMilli(n)
	}
	early, late := r.received.Add(-p.Tolerance), r.received.Add(p.Tolerance)
	if err != nil || at.Before(early) || at.After(late) {
		return skewed
	}
	return ""
}

func inside(allowlist []string, a netip.Addr) bool {
	for _, text := range allowlist {
		if p, err := netip.ParsePrefix(text); err == nil && p.Contains(a) {
			return true
		}
	}
	return len(allowlist) == 0
}

// replayKey names what must be verified once: the webhook and what the sender signed, but for a time beside a signed id.
func replayKey(p history.Policy, r request) string {
	if p.Scheme == history.StandardWebhooks {
		return p.Webhook + "\x00" + r.one("Webhook-Id") + "\x00" + string(r.body)
	}
	return p.Webhook + "\x00" + string(r.body)
}
