package main

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
)

// mac is an HMAC of its own, so that the suite does not judge the code by the code.
func mac(body []byte) []byte {
	h := hmac.New(sha256.New, []byte(testSecret))
	h.Write(body)
	return h.Sum(nil)
}

func signed(body []byte) http.Header {
	return http.Header{
		"X-Genesys-Signature": {base64.StdEncoding.EncodeToString(mac(body))},
		"X-Genesys-Timestamp": {strconv.FormatInt(time.Now().UnixMilli(), 10)},
		"Content-Type":        {"application/json"},
	}
}

// TestConformance sends each case over real HTTP through ingress, bus and verifiers.
func TestConformance(t *testing.T) {
	r := newRig(t, bus.Topology{}, 3)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook)})
	set := func(name string, values ...string) func(http.Header, []byte) {
		return func(h http.Header, _ []byte) { h[name] = values }
	}
	respell := func(f func(string) string) func(http.Header, []byte) {
		return func(h http.Header, _ []byte) { h.Set("X-Genesys-Signature", f(h.Get("X-Genesys-Signature"))) }
	}
	stamp := func(offset time.Duration) func(http.Header, []byte) {
		return func(h http.Header, _ []byte) {
			h.Set("X-Genesys-Timestamp", strconv.FormatInt(time.Now().Add(offset).UnixMilli(), 10))
		}
	}
	cases := []struct {
		name   string
		body   []byte
		change func(h http.Header, body []byte)
		reason event.Reason
		detail string
	}{
		{name: "compact JSON", body: []byte(`{"a":1,"b":[true,null]}`)},
		{name: "pretty-printed JSON", body: []byte("{\n  \"a\": 1\n}\n")},
		{name: "JSON with escapes and floats", body: []byte(`{"s":"\u00e9\/\n","f":1.0,"e":1e400,"n":-0}`)},
		{name: "JSON with duplicate keys", body: []byte(`{"a":1,"a":2}`)},
		{name: "not JSON", body: []byte("hello, world")},
		{name: "empty", body: nil},
		{name: "binary", body: []byte{0, 1, 2, 0xff, 0xfe, '\r', '\n', 0}},
		{name: "400 KiB", body: bytes.Repeat([]byte("0123456789abcdef"), 25<<10)},
		{name: "gzip left as it is", body: zipped(t, `{"a":"zipped"}`), change: set("Content-Encoding", "gzip")},
		{name: "signature in hex", body: []byte(`{"n":1}`), change: func(h http.Header, b []byte) {
			h.Set("X-Genesys-Signature", hex.EncodeToString(mac(b)))
		}, reason: event.SignatureMismatch, detail: event.DetailHexEncoded},
		{name: "signature of another length", body: []byte(`{"n":2}`), change: func(h http.Header, b []byte) {
			h.Set("X-Genesys-Signature", base64.StdEncoding.EncodeToString(mac(b)[:20]))
		}, reason: event.SignatureMismatch, detail: event.DetailLength},
		{name: "signature without padding", body: []byte(`{"n":3}`), change: respell(func(s string) string { return strings.TrimRight(s, "=") }),
			reason: event.SignatureMismatch, detail: event.DetailNotCanonical},
		{name: "signature in a lenient spelling", body: []byte(`{"n":4}`), change: respell(lenient),
			reason: event.SignatureMismatch, detail: event.DetailNotCanonical},
		{name: "signature with a prefix", body: []byte(`{"n":5}`), change: respell(func(s string) string { return "sha256=" + s }),
			reason: event.SignatureMismatch, detail: event.DetailMalformed},
		{name: "signature twice, equal", body: []byte(`{"n":6}`), change: func(h http.Header, _ []byte) {
			h["X-Genesys-Signature"] = append(h["X-Genesys-Signature"], h["X-Genesys-Signature"][0])
		}},
		{name: "signature twice, different", body: []byte(`{"n":7}`), change: func(h http.Header, _ []byte) {
			h["X-Genesys-Signature"] = append(h["X-Genesys-Signature"], base64.StdEncoding.EncodeToString(make([]byte, 32)))
		}, reason: event.SignatureMismatch, detail: event.DetailDuplicateHeader},
		{name: "signature of another body", body: []byte(`{"n":8}`), change: func(h http.Header, _ []byte) {
			h.Set("X-Genesys-Signature", base64.StdEncoding.EncodeToString(mac([]byte(`{"n":9}`))))
		}, reason: event.SignatureMismatch, detail: event.DetailMismatch},
		{name: "signature absent", body: []byte(`{"n":10}`), change: set("X-Genesys-Signature"), reason: event.MissingSignature},
		{name: "signature empty", body: []byte(`{"n":11}`), change: set("X-Genesys-Signature", ""), reason: event.MissingSignature},
		{name: "timestamp absent", body: []byte(`{"n":12}`), change: set("X-Genesys-Timestamp"), reason: event.MissingTimestamp},
		{name: "timestamp abc", body: []byte(`{"n":13}`), change: set("X-Genesys-Timestamp", "abc"), reason: event.TimestampSkew, detail: event.DetailUnparsable},
		{name: "timestamp with sign", body: []byte(`{"n":14}`), change: func(h http.Header, _ []byte) {
			h.Set("X-Genesys-Timestamp", "+"+h.Get("X-Genesys-Timestamp"))
		}, reason: event.TimestampSkew, detail: event.DetailUnparsable},
		{name: "timestamp with leading zeros", body: []byte(`{"n":15}`), change: func(h http.Header, _ []byte) {
			h.Set("X-Genesys-Timestamp", "000"+h.Get("X-Genesys-Timestamp"))
		}, reason: event.TimestampSkew, detail: event.DetailUnparsable},
		{name: "timestamp of 20 digits", body: []byte(`{"n":16}`), change: set("X-Genesys-Timestamp", "12345678901234567890"), reason: event.TimestampSkew, detail: event.DetailUnparsable},
		{name: "timestamp MaxInt64", body: []byte(`{"n":17}`), change: set("X-Genesys-Timestamp", strconv.Itoa(math.MaxInt64)), reason: event.TimestampSkew, detail: event.DetailSkew},
		{name: "timestamp in seconds", body: []byte(`{"n":18}`), change: set("X-Genesys-Timestamp", strconv.FormatInt(time.Now().Unix(), 10)), reason: event.TimestampSkew, detail: event.DetailSkew},
		{name: "timestamp old but within", body: []byte(`{"n":19}`), change: stamp(-290 * time.Second)},
		{name: "timestamp early but within", body: []byte(`{"n":20}`), change: stamp(300 * time.Second)},
		{name: "timestamp too old", body: []byte(`{"n":21}`), change: stamp(-300001 * time.Millisecond), reason: event.TimestampSkew, detail: event.DetailSkew},
		{name: "timestamp too early", body: []byte(`{"n":22}`), change: stamp(310 * time.Second), reason: event.TimestampSkew, detail: event.DetailSkew},
		{name: "timestamp twice, different", body: []byte(`{"n":23}`), change: set("X-Genesys-Timestamp", "1", "2"), reason: event.TimestampSkew, detail: event.DetailDuplicateHeader},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := signed(c.body)
			if c.change != nil {
				c.change(h, c.body)
			}
			expect(t, r, r.accept("genesys", h, c.body), "genesys", c.body, c.reason, c.detail)
		})
	}
}

// expect asserts an outcome: its subject, its reason, and that the body is the same byte for byte.
func expect(t *testing.T, r *rig, id, webhook string, body []byte, reason event.Reason, detail string) bus.Stored {
	t.Helper()
	got := r.outcome(id)
	want := event.Subject(event.Verified, webhook)
	if reason != "" {
		want = event.Subject(event.Rejected, webhook)
	}
	if got.Subject != want || got.Header.Get(event.HeaderReason) != string(reason) || got.Header.Get(event.HeaderDetail) != detail {
		t.Fatalf("outcome = %s %q %q, want %s %q %q", got.Subject, got.Header.Get(event.HeaderReason), got.Header.Get(event.HeaderDetail), want, reason, detail)
	}
	if !bytes.Equal(got.Data, body) {
		t.Fatalf("body has changed: %d bytes, want %d", len(got.Data), len(body))
	}
	return got
}

// lenient respells a MAC: the last character before the padding has bits that a lenient decoder ignores.
func lenient(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := len(text) - 2
	return text[:i] + string(alphabet[strings.IndexByte(alphabet, text[i])|1]) + "="
}

func zipped(t *testing.T, text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestVerifiedHeaders asserts every header that the design names on a verified event.
func TestVerifiedHeaders(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	r.configure(policy.Policy{Webhook: "typed", Scheme: scheme(t, signature.NameGenesysWebhook), TypeField: "/type"})
	body := []byte(`{"type":"v2.conversation.updated"}`)
	id := r.accept("typed", signed(body), body)
	got := expect(t, r, id, "typed", body, "", "")
	for name, want := range map[string]string{
		"ce-id": id, "ce-specversion": "1.0", "ce-source": "/hookproof/typed", "ce-type": "v2.conversation.updated",
		"content-type": "application/json", "ce-time": got.Header.Get(event.HeaderReceivedAt), event.HeaderVerifier: "test",
		event.HeaderPolicyRevision: "1", event.HeaderVersion: "1", event.HeaderClientIP: "127.0.0.1", event.HeaderPath: "/webhooks/typed",
		"Nats-Msg-Id": id,
	} {
		if v := got.Header[name]; len(v) != 1 || v[0] != want {
			t.Errorf("%s = %q, want %q", name, v, want)
		}
	}
	if len(got.Header[event.HeaderKey]) != 1 || got.Header[event.HeaderPossibleDuplicate] != nil {
		t.Errorf("key %q, possible duplicate %q", got.Header[event.HeaderKey], got.Header[event.HeaderPossibleDuplicate])
	}
}

// TestReplays sends one event in several copies.
func TestReplays(t *testing.T) {
	r := newRig(t, bus.Topology{}, 3)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook)})
	t.Run("exact copy", func(t *testing.T) {
		body := []byte(`{"copy":"exact"}`)
		h := signed(body)
		first := r.accept("genesys", h, body)
		expect(t, r, first, "genesys", body, "", "")
		expect(t, r, r.accept("genesys", h, body), "genesys", body, event.ReplayDetected, event.DetailRedelivery)
	})
	t.Run("copy with a new timestamp", func(t *testing.T) {
		body := []byte(`{"copy":"stamped anew"}`)
		h := signed(body)
		expect(t, r, r.accept("genesys", h, body), "genesys", body, "", "")
		h.Set("X-Genesys-Timestamp", strconv.FormatInt(time.Now().UnixMilli()+1000, 10))
		expect(t, r, r.accept("genesys", h, body), "genesys", body, event.ReplayDetected, event.DetailReplay)
	})
	t.Run("forged copy first", func(t *testing.T) {
		body := []byte(`{"copy":"forged first"}`)
		forged := signed(body)
		forged.Set("X-Genesys-Signature", base64.StdEncoding.EncodeToString(make([]byte, 32)))
		expect(t, r, r.accept("genesys", forged, body), "genesys", body, event.SignatureMismatch, event.DetailMismatch)
		expect(t, r, r.accept("genesys", signed(body), body), "genesys", body, "", "")
	})
	t.Run("a hundred copies at once", func(t *testing.T) {
		body := []byte(`{"copy":"hundred"}`)
		h := signed(body)
		ids := make([]string, 100)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() { _, ids[i] = r.post("genesys", h, body) })
		}
		all.Wait()
		verified := 0
		for _, id := range ids {
			if got := r.outcome(id); got.Subject == "verified.genesys" {
				verified++
			} else if reason := got.Header.Get(event.HeaderReason); reason != string(event.ReplayDetected) {
				t.Errorf("a copy was rejected for %s", reason)
			}
		}
		if verified != 1 {
			t.Errorf("%d of 100 copies verified, want 1", verified)
		}
	})
}

// TestSchemes sends a genuine event, a replay and a forged one in each scheme.
func TestSchemes(t *testing.T) {
	r := newRig(t, bus.Topology{}, 2)
	custom := signature.Scheme{Name: signature.NameCustom, SignatureHeader: "X-Sign", Prefix: "sha256=", Encoding: signature.Hex,
		Signs: signature.TimestampBody, TimestampHeader: "X-Time", TimestampUnit: signature.Seconds}
	github := signature.Scheme{Name: signature.NameCustom, SignatureHeader: "X-Hub-Signature-256", Prefix: "sha256=", Encoding: signature.Hex, Signs: signature.Body}
	standard := scheme(t, signature.NameStandardWebhooks)
	standard.Base64Secret = false // the test's secret is text
	for name, s := range map[string]signature.Scheme{
		"genesys-webhook": scheme(t, signature.NameGenesysWebhook), "open-messaging": scheme(t, signature.NameGenesysOpenMessaging),
		"standard": standard, "custom": custom, "github": github,
	} {
		t.Run(name, func(t *testing.T) {
			r.configure(policy.Policy{Webhook: name, Scheme: s})
			body := sampleBody(s, 1)
			h := s.Sign(key(t, s, testSecret), "msg_1", time.Now(), body)
			expect(t, r, r.accept(name, h, body), name, body, "", "")
			expect(t, r, r.accept(name, h, body), name, body, event.ReplayDetected, event.DetailRedelivery)
			body = sampleBody(s, 2)
			forged := s.Sign(key(t, s, "not the secret at all"), "msg_2", time.Now(), body)
			expect(t, r, r.accept(name, forged, body), name, body, event.SignatureMismatch, event.DetailMismatch)
		})
	}
	t.Run("open messaging, old", func(t *testing.T) {
		s := scheme(t, signature.NameGenesysOpenMessaging)
		body := []byte(`{"channel":{"time":"2025-06-10T21:03:05.427Z"}}`)
		h := s.Sign(key(t, s, testSecret), "", time.Now(), body)
		expect(t, r, r.accept("open-messaging", h, body), "open-messaging", body, event.TimestampSkew, event.DetailSkew)
	})
	t.Run("standard, honest retry with a new time", func(t *testing.T) {
		body := []byte(`{"retry":true}`)
		k := key(t, standard, testSecret)
		expect(t, r, r.accept("standard", standard.Sign(k, "msg_9", time.Now().Add(-time.Minute), body), body), "standard", body, "", "")
		again := r.accept("standard", standard.Sign(k, "msg_9", time.Now(), body), body)
		expect(t, r, again, "standard", body, event.ReplayDetected, event.DetailRedelivery)
	})
}

// TestForwardedFor resolves the sender through proxies.
func TestForwardedFor(t *testing.T) {
	list := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	direct := newRig(t, bus.Topology{}, 1)
	proxied := newRig(t, bus.Topology{}, 1, "127.0.0.0/8", "10.0.0.0/8")
	for _, r := range []*rig{direct, proxied} {
		r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook), Allowlist: list})
	}
	for i, c := range []struct {
		name    string
		rig     *rig
		forward []string
		reason  event.Reason
		detail  string
	}{
		{"from a stranger it is not believed", direct, []string{"203.0.113.45"}, event.IPNotWhitelisted, ""},
		{"one proxy", proxied, []string{"203.0.113.45"}, "", ""},
		{"two proxies", proxied, []string{"203.0.113.45, 10.1.2.3"}, "", ""},
		{"a forged entry before the real one", proxied, []string{"203.0.113.45, 198.51.100.7, 10.1.2.3"}, event.IPNotWhitelisted, ""},
		{"several lines", proxied, []string{"198.51.100.7", "203.0.113.45", "10.1.2.3"}, "", ""},
		{"IPv4-mapped", proxied, []string{"::ffff:203.0.113.45"}, "", ""},
		{"with port", proxied, []string{"203.0.113.45:1234"}, "", ""},
		{"with zone", proxied, []string{"fe80::1%eth0"}, event.IPNotWhitelisted, event.DetailNoAddress},
		{"malformed", proxied, []string{"203.0.113.045"}, event.IPNotWhitelisted, event.DetailNoAddress},
		{"none", proxied, nil, event.IPNotWhitelisted, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := fmt.Appendf(nil, `{"forwarded":%d}`, i)
			h := signed(body)
			h["X-Forwarded-For"] = c.forward
			expect(t, c.rig, c.rig.accept("genesys", h, body), "genesys", body, c.reason, c.detail)
		})
	}
}
