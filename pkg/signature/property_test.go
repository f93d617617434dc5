package signature_test

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
)

// TestRoundTrip holds for every scheme that what Sign makes is well formed and genuine, and is genuine for nothing else.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScheme(t)
		if err := s.Check(); err != nil {
			t.Fatalf("Check(%+v) = %v", s, err)
		}
		text, other := anySecret(t, s, "secret"), anySecret(t, s, "other secret")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		id := rapid.StringMatching(`[a-zA-Z0-9_-]{1,40}`).Draw(t, "id")
		at := time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(t, "time"))
		key := mustKey(t, s, text)
		h := s.Sign(key, id, at, body)
		p, fault := s.Read(h)
		if fault != signature.NoFault || !s.Signed(key, p, body) {
			t.Fatalf("Read(%q) = %q and Signed = %v, want a genuine signature", h, fault, s.Signed(key, p, body))
		}
		if s.IDHeader != "" && p.ID() != id || s.TimestampHeader != "" && p.Timestamp() != s.Timestamp(at) {
			t.Errorf("Read(%q) = id %q, timestamp %q, want %q, %q", h, p.ID(), p.Timestamp(), id, s.Timestamp(at))
		}
		if text != other && s.Signed(mustKey(t, s, other), p, body) {
			t.Errorf("Signed(%q) under another secret = true", h)
		}
		changed := append([]byte(nil), body...)
		if i := rapid.IntRange(0, len(body)).Draw(t, "changed byte"); i == len(body) {
			changed = append(changed, 0)
		} else {
			changed[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		if s.Signed(key, p, changed) {
			t.Errorf("Signed(%q) over %x = true, it was made over %x", h, changed, body)
		}
	})
}

// TestOnlyOneText holds that a signature with any one byte changed is not genuine.
func TestOnlyOneText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScheme(t)
		key, body := mustKey(t, s, anySecret(t, s, "secret")), []byte("body")
		h := s.Sign(key, "id", time.Unix(1, 0), body)
		text := []byte(h.Get(s.SignatureHeader))
		i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		b := rapid.ByteRange(' ', '~').Draw(t, "byte")
		if text[i] == b {
			return
		}
		text[i] = b
		h.Set(s.SignatureHeader, string(text))
		if genuine, _ := check(s, key, h, body); genuine {
			t.Errorf("check(%q) = true, want false: byte %d was changed", text, i)
		}
	})
}

// FuzzRead holds that no header makes Read panic, and that nothing is genuine without the key.
func FuzzRead(f *testing.F) {
	f.Add(0, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "1614265330", "msg_1", []byte("{}"))
	f.Add(1, macHex, "", "", []byte(nil))
	f.Add(2, "sha256="+macBase64, "", "", []byte("{"))
	schemes := allSchemes()
	f.Fuzz(func(t *testing.T, n int, sig, timestamp, id string, body []byte) {
		s := schemes[uint(n)%uint(len(schemes))]
		h := http.Header{}
		for name, value := range map[string]string{s.SignatureHeader: sig, s.TimestampHeader: timestamp, s.IDHeader: id} {
			if name != "" {
				h.Set(name, value)
			}
		}
		p, fault := s.Read(h)
		key := newKey(t, s, base64.StdEncoding.EncodeToString([]byte(secretText)))
		if s.Signed(key, p, body) {
			t.Errorf("Signed(%q) = true for a key that signed nothing (%q)", h, fault)
		}
	})
}

func allSchemes() []signature.Scheme {
	var all []signature.Scheme
	for _, name := range []string{signature.NameGenesysWebhook, signature.NameGenesysOpenMessaging, signature.NameStandardWebhooks} {
		s, _ := signature.Named(name)
		all = append(all, s)
	}
	timed := signature.Scheme{Name: signature.NameCustom, SignatureHeader: "X-Sign", Prefix: "t=", Encoding: signature.Hex,
		Signs: signature.TimestampBody, TimestampHeader: "X-Time", TimestampUnit: signature.Milliseconds}
	return append(all, hexBody, timed)
}

// anyScheme draws a named scheme or a custom one.
func anyScheme(t *rapid.T) signature.Scheme {
	if i := rapid.IntRange(0, 3).Draw(t, "scheme"); i < 3 {
		return allSchemes()[i]
	}
	s := signature.Scheme{Name: signature.NameCustom, SignatureHeader: "X-Sign",
		Prefix:   rapid.SampledFrom([]string{"", "sha256=", "v1,", "t:"}).Draw(t, "prefix"),
		Encoding: rapid.SampledFrom([]signature.Encoding{signature.Base64, signature.Hex}).Draw(t, "encoding"),
		Signs:    rapid.SampledFrom([]signature.Content{signature.Body, signature.TimestampBody, signature.IDTimestampBody}).Draw(t, "signs"),
		List:     rapid.Bool().Draw(t, "list"),
	}
	if s.SignsTime() || rapid.Bool().Draw(t, "timestamp") {
		s.TimestampHeader = "X-Time"
		s.TimestampUnit = rapid.SampledFrom([]signature.Unit{signature.Seconds, signature.Milliseconds}).Draw(t, "unit")
	}
	if s.Signs == signature.IDTimestampBody {
		s.IDHeader = "X-Id"
	}
	return s
}

func anySecret(t *rapid.T, s signature.Scheme, label string) string {
	if s.Base64Secret {
		raw := rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, label)
		return "whsec_" + base64.StdEncoding.EncodeToString(raw)
	}
	// Printable, because HMAC pads a short key with zeros: a key that ends in a zero byte is another spelling of one without.
	return rapid.StringMatching(`[!-~]{16,64}`).Draw(t, label)
}

func mustKey(t *rapid.T, s signature.Scheme, text string) signature.Key {
	key, err := s.NewKey(secret.New(text))
	if err != nil {
		t.Fatalf("NewKey = %v", err)
	}
	return key
}
