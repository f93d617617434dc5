package signature_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/signature"
)

const secretText = "a secret that only the tests know"

// Two MACs over {} in several spellings.
var (
	macBytes   = func() []byte { b, _ := hex.DecodeString(macHex); return b }()
	macHex     = strings.Repeat("0f1e2d3c4b5a69788796a5b4c3d2e1f0", 2)
	macBase64  = base64.StdEncoding.EncodeToString(macBytes)
	moreBase64 = base64.StdEncoding.EncodeToString(append([]byte{1}, macBytes[1:]...))
)

func TestReadFaults(t *testing.T) {
	genesys, standard := named(t, signature.NameGenesysWebhook), named(t, signature.NameStandardWebhooks)
	open := named(t, signature.NameGenesysOpenMessaging)
	v1 := func(signatures ...string) http.Header {
		return http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": signatures}
	}
	sig := func(values ...string) http.Header { return http.Header{"X-Genesys-Signature": values} }
	for _, c := range []struct {
		name   string
		scheme signature.Scheme
		header http.Header
		want   signature.Fault
	}{
		{"canonical", genesys, sig(macBase64), signature.NoFault},
		{"absent", genesys, http.Header{}, signature.Missing},
		{"empty", genesys, sig(""), signature.Missing},
		{"of another header", genesys, http.Header{"X-Hub-Signature-256": {macBase64}}, signature.Missing},
		{"the same twice", genesys, sig(macBase64, macBase64), signature.NoFault},
		{"two different", genesys, sig(macBase64, moreBase64), signature.Conflict},
		{"one and an empty line", genesys, sig(macBase64, ""), signature.Conflict},
		{"two different timestamps", genesys, http.Header{"X-Genesys-Signature": {macBase64}, "X-Genesys-Timestamp": {"1", "2"}}, signature.Conflict},
		{"hex", genesys, sig(macHex), signature.HexForm},
		{"upper-case hex", genesys, sig(strings.ToUpper(macHex)), signature.HexForm},
		{"one byte short", genesys, sig(base64.StdEncoding.EncodeToString(macBytes[:31])), signature.Length},
		{"one byte long", genesys, sig(base64.StdEncoding.EncodeToString(append(macBytes[:32:32], 0))), signature.Length},
		{"half", genesys, sig(base64.StdEncoding.EncodeToString(macBytes[:16])), signature.Length},
		{"SHA-512", genesys, sig(base64.StdEncoding.EncodeToString(append(macBytes[:32:32], macBytes...))), signature.Length},
		{"no base64", genesys, sig("not a signature!"), signature.Malformed},
		{"URL alphabet", genesys, sig(strings.NewReplacer("+", "-", "/", "_").Replace(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xfb\xff", 16))))), signature.Malformed},
		{"without padding", genesys, sig(strings.TrimRight(macBase64, "=")), signature.NotCanonical},
		{"too much padding", genesys, sig(macBase64 + "="), signature.NotCanonical},
		{"trailing newline", genesys, sig(macBase64 + "\n"), signature.NotCanonical},
		{"newline inside", genesys, sig(macBase64[:20] + "\r\n" + macBase64[20:]), signature.NotCanonical},
		{"trailing blank", genesys, sig(macBase64 + " "), signature.Malformed},
		{"a prefix that the scheme has not", genesys, sig("sha256=" + macBase64), signature.Malformed},
		{"a list where one is due", genesys, sig(macBase64 + " " + moreBase64), signature.Malformed},

		{"prefixed", open, http.Header{"X-Hub-Signature-256": {"sha256=" + macBase64}}, signature.NoFault},
		{"prefix left out", open, http.Header{"X-Hub-Signature-256": {macBase64}}, signature.Malformed},
		{"prefix in upper case", open, http.Header{"X-Hub-Signature-256": {"SHA256=" + macBase64}}, signature.Malformed},
		{"prefix twice", open, http.Header{"X-Hub-Signature-256": {"sha256=sha256=" + macBase64}}, signature.Malformed},
		{"hex as elsewhere", open, http.Header{"X-Hub-Signature-256": {"sha256=" + macHex}}, signature.HexForm},

		{"hex scheme", hexBody, http.Header{"X-Signature": {macHex}}, signature.NoFault},
		{"hex scheme, base64", hexBody, http.Header{"X-Signature": {macBase64}}, signature.Base64Form},
		{"hex scheme, upper case", hexBody, http.Header{"X-Signature": {strings.ToUpper(macHex)}}, signature.NotCanonical},
		{"hex scheme, one upper-case digit", hexBody, http.Header{"X-Signature": {"0F" + macHex[2:]}}, signature.NotCanonical},
		{"hex scheme, odd", hexBody, http.Header{"X-Signature": {macHex[1:]}}, signature.Malformed},
		{"hex scheme, short", hexBody, http.Header{"X-Signature": {macHex[2:]}}, signature.Length},
		{"hex scheme, 0x", hexBody, http.Header{"X-Signature": {"0x" + macHex}}, signature.Malformed},

		{"list of one", standard, v1("v1," + macBase64), signature.NoFault},
		{"list, second well formed", standard, v1("v1,short v1," + macBase64), signature.NoFault},
		{"list of v1a only", standard, v1("v1a," + macBase64), signature.Malformed},
		{"list of blanks", standard, v1("  "), signature.Malformed},
		{"list, hex", standard, v1("v1," + macHex), signature.HexForm},
		{"list separated by commas", standard, v1("v1," + macBase64 + ",v1," + moreBase64), signature.Malformed},
		{"list in two lines", standard, v1("v1,"+macBase64, "v1,"+moreBase64), signature.Conflict},
		{"no id", standard, http.Header{"Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {"v1," + macBase64}}, signature.Malformed},
		{"two ids", standard, http.Header{"Webhook-Id": {"a", "b"}, "Webhook-Signature": {"v1," + macBase64}}, signature.Conflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := c.scheme.Read(c.header); got != c.want {
				t.Errorf("Read(%q) = %q, want %q", c.header, got, c.want)
			}
		})
	}
}

// TestOtherSpellings holds that of all texts that decode to a MAC only one is taken for it.
func TestOtherSpellings(t *testing.T) {
	s, body := named(t, signature.NameGenesysWebhook), []byte(`{"a":1}`)
	key := newKey(t, s, secretText)
	right := s.Sign(key, "", time.UnixMilli(0), body).Get(s.SignatureHeader)
	mac, err := base64.StdEncoding.DecodeString(right)
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for _, last := range alphabet { // the last character of 32 bytes has two bits that mean nothing
		text := right[:42] + string(last) + "="
		if decoded, err := base64.StdEncoding.DecodeString(text); err != nil || string(decoded) != string(mac) {
			continue
		}
		accepted++
		genuine, fault := check(s, key, http.Header{"X-Genesys-Signature": {text}}, body)
		if want := text == right; genuine != want || want != (fault == signature.NoFault) {
			t.Errorf("check(%q) = %v, %q, want %v: the MAC is %q", text, genuine, fault, want, right)
		}
		if text != right && fault != signature.NotCanonical {
			t.Errorf("Read(%q) = %q, want %q", text, fault, signature.NotCanonical)
		}
	}
	if accepted != 4 {
		t.Errorf("encoding/base64 takes %d spellings, want 4: the test tests nothing", accepted)
	}
}

func TestSeveralSignatures(t *testing.T) {
	s, body := named(t, signature.NameStandardWebhooks), []byte(`{"test": 2432232314}`)
	key := newKey(t, s, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	const right = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	wrong := "v1," + macBase64
	for _, c := range []struct {
		name, header string
		want         bool
	}{
		{"alone", "v1," + right, true},
		{"first", "v1," + right + " " + wrong, true},
		{"last", wrong + " v1," + right, true},
		{"twice", "v1," + right + " v1," + right, true},
		{"beside v1a", "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== v1," + right, true},
		{"as v1a", "v1a," + right, false},
		{"as v2", "v2," + right, false},
		{"wrong", wrong, false},
		{"the sixteenth", strings.Repeat(wrong+" ", 15) + "v1," + right, true},
		{"the seventeenth is not tried", strings.Repeat(wrong+" ", 16) + "v1," + right, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {c.header}}
			if got, fault := check(s, key, h, body); got != c.want {
				t.Errorf("check(%q) = %v, %q, want %v", c.header, got, fault, c.want)
			}
		})
	}
}

// TestSignedPartsCannotMove holds that the id, the time and the body are each covered.
func TestSignedPartsCannotMove(t *testing.T) {
	s, body := named(t, signature.NameStandardWebhooks), []byte(`{}`)
	key := newKey(t, s, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp"} {
		h := s.Sign(key, "msg_1", time.Unix(1614265330, 0), body)
		if genuine, _ := check(s, key, h, body); !genuine {
			t.Fatalf("check(%q) = false, want true", h)
		}
		h.Set(name, h.Get(name)+"1")
		if genuine, _ := check(s, key, h, body); genuine {
			t.Errorf("check(%q) with another %s = true, want false", h, name)
		}
	}
}

func TestSingle(t *testing.T) {
	for _, c := range []struct {
		name         string
		values       []string
		want         string
		wantConflict bool
	}{
		{"absent", nil, "", false},
		{"one", []string{"a"}, "a", false},
		{"one empty", []string{""}, "", false},
		{"equal lines", []string{"a", "a", "a"}, "a", false},
		{"two values", []string{"a", "b"}, "", true},
		{"a value and nothing", []string{"a", ""}, "", true},
		{"nothing and a value", []string{"", "a"}, "", true},
		{"the third differs", []string{"a", "a", "b"}, "", true},
		{"differs in case", []string{"a", "A"}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{"X-Genesys-Signature": c.values}
			got, conflict := signature.Single(h, "x-GENESYS-signature")
			if got != c.want || conflict != c.wantConflict {
				t.Errorf("Single(%q) = %q, %v, want %q, %v", c.values, got, conflict, c.want, c.wantConflict)
			}
		})
	}
}
