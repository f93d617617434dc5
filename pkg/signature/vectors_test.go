package signature_test

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
)

// hexBody signs the body alone and writes hex, as the RFC's vectors are printed.
var hexBody = signature.Scheme{Name: signature.NameCustom, SignatureHeader: "X-Signature", Encoding: signature.Hex, Signs: signature.Body}

// rfc4231 holds the HMAC-SHA-256 results of RFC 4231, section 4. Keys and data are hex.
var rfc4231 = []struct {
	name, key, data, tag string
	truncated            bool // the RFC prints only the first 128 bits
}{
	{name: "case 1", key: strings.Repeat("0b", 20), data: "4869205468657265",
		tag: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{name: "case 2", key: "4a656665", data: "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		tag: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{name: "case 3", key: strings.Repeat("aa", 20), data: strings.Repeat("dd", 50),
		tag: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
	{name: "case 4", key: "0102030405060708090a0b0c0d0e0f10111213141516171819", data: strings.Repeat("cd", 50),
		tag: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	{name: "case 5", key: strings.Repeat("0c", 20), data: "546573742057697468205472756e636174696f6e",
		tag: "a3b6167473100ee06e0c796c2955552b", truncated: true},
	{name: "case 6", key: strings.Repeat("aa", 131), data: "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374",
		tag: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	{name: "case 7", key: strings.Repeat("aa", 131), data: "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f20626520686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e",
		tag: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
}

func TestRFC4231(t *testing.T) {
	for _, c := range rfc4231 {
		t.Run(c.name, func(t *testing.T) {
			key, body := newKey(t, hexBody, string(unhex(t, c.key))), unhex(t, c.data)
			made := hexBody.Sign(key, "", time.Time{}, body).Get("X-Signature")
			if !strings.HasPrefix(made, c.tag) || !c.truncated && made != c.tag {
				t.Errorf("Sign(%q) = %q, want %q", c.data, made, c.tag)
			}
			genuine, fault := check(hexBody, key, http.Header{"X-Signature": {c.tag}}, body)
			wantFault := signature.NoFault
			if c.truncated {
				wantFault = signature.Length
			}
			if genuine == c.truncated || fault != wantFault {
				t.Errorf("check(%q) = %v, %q, want %v, %q", c.tag, genuine, fault, !c.truncated, wantFault)
			}
			for _, other := range [][]byte{append([]byte("x"), body...), body[:len(body)-1]} {
				if genuine, _ := check(hexBody, key, http.Header{"X-Signature": {made}}, other); genuine {
					t.Errorf("check(%q) over %x = true, want false: it was made over %x", made, other, body)
				}
			}
		})
	}
}

// vector is a signed request of testdata/signatures.json, which the verifier's tests read too.
type vector struct {
	Name   string
	Scheme string            // of Named, or
	Custom *signature.Scheme // the scheme itself
	Secret string
	Header map[string]string
	Body   string
}

func (v vector) scheme(t testing.TB) signature.Scheme {
	t.Helper()
	if v.Custom != nil {
		return *v.Custom
	}
	return named(t, v.Scheme)
}

func TestPublishedVectors(t *testing.T) {
	b, err := os.ReadFile("../../testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 6 {
		t.Fatalf("%d vectors, want at least 6", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			s := v.scheme(t)
			if err := s.Check(); err != nil {
				t.Fatalf("Check() = %v", err)
			}
			h := http.Header{}
			for name, value := range v.Header {
				h.Set(name, value)
			}
			if genuine, fault := check(s, newKey(t, s, v.Secret), h, []byte(v.Body)); !genuine || fault != signature.NoFault {
				t.Errorf("check(%q) = %v, %q, want true without a fault", h, genuine, fault)
			}
			if genuine, _ := check(s, newKey(t, s, v.Secret), h, []byte(v.Body+" ")); genuine {
				t.Errorf("check(%q) over a longer body = true, want false", h)
			}
			if s.Base64Secret {
				return
			}
			if genuine, _ := check(s, newKey(t, s, v.Secret+"x"), h, []byte(v.Body)); genuine {
				t.Errorf("check(%q) with another secret = true, want false", h)
			}
		})
	}
}

// check reads a signature from a header and holds it against a key.
func check(s signature.Scheme, key signature.Key, h http.Header, body []byte) (bool, signature.Fault) {
	p, fault := s.Read(h)
	return s.Signed(key, p, body), fault
}

func named(t testing.TB, name string) signature.Scheme {
	t.Helper()
	s, ok := signature.Named(name)
	if !ok {
		t.Fatalf("Named(%q) = false", name)
	}
	return s
}

func newKey(t testing.TB, s signature.Scheme, text string) signature.Key {
	t.Helper()
	key, err := s.NewKey(secret.New(text))
	if err != nil {
		t.Fatalf("NewKey() = %v", err)
	}
	return key
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
