package verifier

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
)

const (
	secretText = "a secret that only the tests know"
	oldText    = "the secret that was before it"
	bodyText   = `{"channel":{"time":"2026-11-24T04:00:00.000Z"},"eventType":"v2.thing"}`
)

var receivedAt = time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)

// hexTimed signs timestamp and body and writes hex.
var hexTimed = signature.Scheme{Name: signature.NameCustom, SignatureHeader: "X-Sign", Encoding: signature.Hex, Signs: signature.TimestampBody,
	TimestampHeader: "X-Time", TimestampUnit: signature.Seconds}

func named(t testing.TB, name string) signature.Scheme {
	t.Helper()
	s, ok := signature.Named(name)
	if !ok {
		t.Fatalf("no scheme %q", name)
	}
	return s
}

func keyOf(t testing.TB, s signature.Scheme, text string) signature.Key {
	t.Helper()
	key, err := s.NewKey(secret.New(text))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// ringOf returns a policy as it comes out of the store, with one secret.
func ringOf(t testing.TB, s signature.Scheme) *policy.Ring {
	t.Helper()
	return &policy.Ring{Revision: 3, Keys: []policy.Key{{Key: keyOf(t, s, secretText)}},
		Policy: policy.Policy{Webhook: "genesys", Scheme: s, Tolerance: policy.Duration(policy.DefaultTolerance)}}
}

func requestOf(h http.Header, body string) *event.Request {
	return &event.Request{ID: "018f3a2e-7c11-7d3a-9b52-0a1b2c3d4e5f", Webhook: "genesys", ReceivedAt: receivedAt,
		ClientIP: netip.MustParseAddr("192.0.2.1"), Header: event.CaptureHeader(h, ""), Body: []byte(body)}
}

// signed returns a genuine request that was sent at a time.
func signed(t testing.TB, s signature.Scheme, at time.Time) *event.Request {
	t.Helper()
	return requestOf(canonical(s.Sign(keyOf(t, s, secretText), "msg_1", at, []byte(bodyText))), bodyText)
}

// canonical returns a header as a server reads it.
func canonical(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		for _, v := range values {
			out.Add(name, v)
		}
	}
	return out
}

// set changes one captured header; no values remove it.
func set(r *event.Request, name string, values ...string) *event.Request {
	h := r.Header.HTTP()
	h[name] = values
	if len(values) == 0 {
		delete(h, name)
	}
	r.Header = event.CaptureHeader(h, "")
	return r
}

func TestDecide(t *testing.T) {
	genesys, open := named(t, signature.NameGenesysWebhook), named(t, signature.NameGenesysOpenMessaging)
	ring := func(change func(*policy.Ring)) *policy.Ring {
		r := ringOf(t, genesys)
		change(r)
		return r
	}
	listed := ring(func(r *policy.Ring) { r.Allowlist = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	request := func(change func(*event.Request)) *event.Request {
		r := signed(t, genesys, receivedAt)
		change(r)
		return r
	}
	from := func(a netip.Addr) *event.Request { return request(func(r *event.Request) { r.ClientIP = a }) }
	body := func(b string) *event.Request {
		return requestOf(canonical(open.Sign(keyOf(t, open, secretText), "", receivedAt, []byte(b))), b)
	}
	forged := body(bodyText)
	forged.Body = []byte(`{"channel":{"time":"2020-01-01T00:00:00Z"}}`)
	const sig, ts = "X-Genesys-Signature", "X-Genesys-Timestamp"
	none := event.Verdict{}
	for _, c := range []struct {
		name    string
		request *event.Request
		ring    *policy.Ring
		want    event.Verdict
	}{
		{"genuine", signed(t, genesys, receivedAt), ringOf(t, genesys), none},
		{"genuine, Open Messaging", body(bodyText), ringOf(t, open), none},
		{"genuine, time signed", signed(t, hexTimed, receivedAt), ringOf(t, hexTimed), none},
		{"unknown webhook", signed(t, genesys, receivedAt), nil, event.Verdict{Reason: event.UnknownWebhook}},

		{"inside the list", from(netip.MustParseAddr("192.0.2.255")), listed, none},
		{"IPv4-mapped inside the list", from(netip.MustParseAddr("::ffff:192.0.2.9")), listed, none},
		{"outside the list", from(netip.MustParseAddr("192.0.3.0")), listed, event.Verdict{Reason: event.IPNotWhitelisted}},
		{"no address", from(netip.Addr{}), listed, event.Verdict{Reason: event.IPNotWhitelisted, Detail: event.DetailNoAddress}},
		{"no address and no list", from(netip.Addr{}), ringOf(t, genesys), none},
		{"outside the list goes before the timestamp", set(from(netip.MustParseAddr("198.51.100.1")), ts), listed, event.Verdict{Reason: event.IPNotWhitelisted}},

		{"no timestamp", request(func(r *event.Request) { set(r, ts) }), ringOf(t, genesys), event.Verdict{Reason: event.MissingTimestamp}},
		{"empty timestamp", request(func(r *event.Request) { set(r, ts, "") }), ringOf(t, genesys), event.Verdict{Reason: event.MissingTimestamp}},
		{"the same timestamp twice", request(func(r *event.Request) { set(r, ts, "1795492800000", "1795492800000") }), ringOf(t, genesys), none},
		{"two timestamps", request(func(r *event.Request) { set(r, ts, "1795492800000", "1795492800001") }), ringOf(t, genesys), event.Verdict{Reason: event.TimestampSkew, Detail: event.DetailDuplicateHeader}},
		{"no timestamp goes before no signature", requestOf(http.Header{}, bodyText), ringOf(t, genesys), event.Verdict{Reason: event.MissingTimestamp}},
		{"skew goes before a wrong signature", set(signed(t, genesys, receivedAt.Add(time.Hour)), sig, "x"), ringOf(t, genesys), event.Verdict{Reason: event.TimestampSkew, Detail: event.DetailSkew}},

		{"no signature", request(func(r *event.Request) { set(r, sig) }), ringOf(t, genesys), event.Verdict{Reason: event.MissingSignature}},
		{"another body", request(func(r *event.Request) { r.Body = append(r.Body, '\n') }), ringOf(t, genesys), event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailMismatch}},
		{"no body", request(func(r *event.Request) { r.Body = nil }), ringOf(t, genesys), event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailMismatch}},
		{"malformed", request(func(r *event.Request) { set(r, sig, "?") }), ringOf(t, genesys), event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailMalformed}},
		{"hex", request(func(r *event.Request) { set(r, sig, strings.Repeat("ab", 32)) }), ringOf(t, genesys), event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailHexEncoded}},
		{"base64 for hex", set(signed(t, hexTimed, receivedAt), "X-Sign", strings.Repeat("A", 43)+"="), ringOf(t, hexTimed), event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailBase64Encoded}},
		{"too short", request(func(r *event.Request) { set(r, sig, "AAAA") }), ringOf(t, genesys), event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailLength}},
		{"without padding", request(func(r *event.Request) { set(r, sig, strings.TrimRight(r.Header.Values(sig)[0], "=")) }), ringOf(t, genesys), event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailNotCanonical}},
		{"two signatures", request(func(r *event.Request) { set(r, sig, r.Header.Values(sig)[0], "x") }), ringOf(t, genesys), event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailDuplicateHeader}},
		{"the signed time moved", set(signed(t, hexTimed, receivedAt), "X-Time", "1795492801"), ringOf(t, hexTimed), event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailMismatch}},
		{"a ring without secrets", signed(t, genesys, receivedAt), ring(func(r *policy.Ring) { r.Keys = nil }), event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailMismatch}},

		{"time in the body, absent", body(`{"channel":{}}`), ringOf(t, open), event.Verdict{Reason: event.MissingTimestamp}},
		{"time in the body, no JSON", body(`time`), ringOf(t, open), event.Verdict{Reason: event.MissingTimestamp}},
		{"time in the body, a number", body(`{"channel":{"time":1795489200000}}`), ringOf(t, open), event.Verdict{Reason: event.MissingTimestamp}},
		{"time in the body, unreadable", body(`{"channel":{"time":"now"}}`), ringOf(t, open), event.Verdict{Reason: event.TimestampSkew, Detail: event.DetailUnparsable}},
		{"time in the body, at the edge", body(`{"channel":{"time":"2026-11-24T05:05:00+01:00"}}`), ringOf(t, open), none},
		{"time in the body, beyond it", body(`{"channel":{"time":"2026-11-24T04:05:00.001Z"}}`), ringOf(t, open), event.Verdict{Reason: event.TimestampSkew, Detail: event.DetailSkew}},
		{"time in a forged body is not looked at", forged, ringOf(t, open), event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailMismatch}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Decide(c.request, c.ring)
			if d.Verdict != c.want || d.Undecided != nil {
				t.Errorf("Decide(%q) = %+v (undecided: %v), want %+v", c.request.Header, d.Verdict, d.Undecided, c.want)
			}
			if d.genuine() != (c.want == none) {
				t.Errorf("genuine() = %v, want %v", d.genuine(), c.want == none)
			}
			if again := Decide(c.request, c.ring); again.Verdict != d.Verdict {
				t.Errorf("Decide a second time = %+v, want %+v", again.Verdict, d.Verdict)
			}
		})
	}
}

// TestDecideSecrets holds which secret of a ring may sign, and when nobody can tell.
func TestDecideSecrets(t *testing.T) {
	s := named(t, signature.NameGenesysWebhook)
	unresolved := errors.New("no such file")
	current, old := keyOf(t, s, "another current secret"), keyOf(t, s, secretText)
	request := signed(t, s, receivedAt) // by old
	for _, c := range []struct {
		name          string
		keys          []policy.Key
		want          event.Verdict
		wantUndecided bool
	}{
		{"alone", []policy.Key{{Key: old}}, event.Verdict{}, false},
		{"second", []policy.Key{{Key: current}, {Key: old}}, event.Verdict{}, false},
		{"a moment before its end", []policy.Key{{Key: current}, {Key: old, NotAfter: receivedAt.Add(1)}}, event.Verdict{}, false},
		{"at its end", []policy.Key{{Key: current}, {Key: old, NotAfter: receivedAt}}, event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailExpiredSecret}, false},
		{"expired, but listed again", []policy.Key{{Key: old, NotAfter: receivedAt}, {Key: old}}, event.Verdict{}, false},
		{"listed, then expired", []policy.Key{{Key: old}, {Key: old, NotAfter: receivedAt}}, event.Verdict{}, false},
		{"another is unresolvable", []policy.Key{{Err: unresolved}, {Key: old}}, event.Verdict{}, false},
		{"an unresolvable one might have signed", []policy.Key{{Key: current}, {Err: unresolved, NotAfter: receivedAt.Add(1)}}, event.Verdict{}, true},
		{"an unresolvable one that is over cannot have", []policy.Key{{Key: current}, {Err: unresolved, NotAfter: receivedAt}}, event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailMismatch}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ring := ringOf(t, s)
			ring.Keys = c.keys
			d := Decide(request, ring)
			if d.Verdict != c.want || (d.Undecided != nil) != c.wantUndecided {
				t.Errorf("Decide = %+v, undecided: %v, want %+v, undecided: %v", d.Verdict, d.Undecided, c.want, c.wantUndecided)
			}
			if d.genuine() != (c.want.Reason == "" && !c.wantUndecided) {
				t.Errorf("genuine() = %v", d.genuine())
			}
		})
	}
	elsewhere := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	for name, c := range map[string]struct {
		err       error
		request   *event.Request
		allowlist []netip.Prefix
		want      event.Reason // empty for undecided
	}{
		"a format that is not known leaves everything undecided":     {policy.ErrFormat, request, elsewhere, ""},
		"without its secret a policy decides nothing by a signature": {unresolved, request, nil, ""},
		"and a stranger is rejected all the same":                    {unresolved, request, elsewhere, event.IPNotWhitelisted},
		"as is what is old":                {unresolved, signed(t, s, receivedAt.Add(-time.Hour)), nil, event.TimestampSkew},
		"and what has no signature":        {unresolved, set(signed(t, s, receivedAt), "X-Genesys-Signature"), nil, event.MissingSignature},
		"or one that no key can have made": {unresolved, set(signed(t, s, receivedAt), "X-Genesys-Signature", "hello"), nil, event.SignatureMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			ring := ringOf(t, s)
			ring.Err, ring.Keys, ring.Allowlist = fmt.Errorf("policy: %w", c.err), nil, c.allowlist
			d := Decide(c.request, ring)
			if d.Reason != c.want || errors.Is(d.Undecided, c.err) != (c.want == "") || d.genuine() {
				t.Errorf("Decide = %+v, undecided: %v, want %q", d.Verdict, d.Undecided, c.want)
			}
		})
	}
	t.Run("a signature that no key can have made is rejected, whatever cannot be resolved", func(t *testing.T) {
		ring := ringOf(t, s)
		ring.Keys = []policy.Key{{Err: unresolved, NotAfter: receivedAt.Add(1)}}
		d := Decide(set(signed(t, s, receivedAt), "X-Genesys-Signature", "hello"), ring)
		if d.Reason != event.SignatureMismatch || d.Undecided != nil {
			t.Errorf("Decide = %+v, undecided: %v, want %s", d.Verdict, d.Undecided, event.SignatureMismatch)
		}
	})
}
