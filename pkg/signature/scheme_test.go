package signature_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
)

func TestNamed(t *testing.T) {
	for _, c := range []struct {
		name      string
		want      bool
		signsTime bool
	}{
		{signature.NameGenesysWebhook, true, false},
		{signature.NameGenesysOpenMessaging, true, false},
		{signature.NameStandardWebhooks, true, true},
		{signature.NameCustom, false, false},
		{"", false, false},
		{"Genesys-Webhook", false, false},
	} {
		s, ok := signature.Named(c.name)
		if ok != c.want {
			t.Errorf("Named(%q) = %v, want %v", c.name, ok, c.want)
			continue
		}
		if !ok {
			continue
		}
		if s.Name != c.name || s.SignsTime() != c.signsTime {
			t.Errorf("Named(%q) = %q that signs its time: %v, want %v", c.name, s.Name, s.SignsTime(), c.signsTime)
		}
		if err := s.Check(); err != nil {
			t.Errorf("Named(%q).Check() = %v", c.name, err)
		}
		if restored := overJSON(t, s); restored != s {
			t.Errorf("over JSON %+v becomes %+v", s, restored)
		}
	}
}

func overJSON(t *testing.T, s signature.Scheme) (out signature.Scheme) {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSchemeCheck(t *testing.T) {
	with := func(change func(*signature.Scheme)) signature.Scheme {
		s := hexBody
		change(&s)
		return s
	}
	for _, c := range []struct {
		name   string
		scheme signature.Scheme
		want   []string // the fields that the error names, each on a line of its own; none for no error
	}{
		{"right", hexBody, nil},
		{"the zero scheme", signature.Scheme{}, []string{"signatureHeader", "encoding", "signs"}},
		{"blank in a header", with(func(s *signature.Scheme) { s.SignatureHeader = "X Signature" }), []string{"signatureHeader"}},
		{"colon in a header", with(func(s *signature.Scheme) { s.SignatureHeader = "X:" }), []string{"signatureHeader"}},
		{"long header", with(func(s *signature.Scheme) { s.SignatureHeader = strings.Repeat("x", 129) }), []string{"signatureHeader"}},
		{"other encoding", with(func(s *signature.Scheme) { s.Encoding = "base32" }), []string{"encoding"}},
		{"other content", with(func(s *signature.Scheme) { s.Signs = "url" }), []string{"signs"}},
		{"signs a time that it does not have", with(func(s *signature.Scheme) { s.Signs = signature.TimestampBody }), []string{"timestampHeader"}},
		{"signs an id that it does not have", with(func(s *signature.Scheme) { s.Signs = signature.IDTimestampBody }), []string{"timestampHeader", "idHeader"}},
		{"a time without unit", with(func(s *signature.Scheme) { s.TimestampHeader = "X-Time" }), []string{"timestampUnit"}},
		{"a time in minutes", with(func(s *signature.Scheme) { s.TimestampHeader, s.TimestampUnit = "X-Time", "min" }), []string{"timestampUnit"}},
		{"a field that is no pointer", with(func(s *signature.Scheme) { s.TimestampField = "time" }), []string{"timestampField"}},
		{"two times", with(func(s *signature.Scheme) {
			s.TimestampField, s.TimestampHeader, s.TimestampUnit = "/time", "X-Time", signature.Seconds
		}), []string{"timestampField"}},
		{"blank in the prefix", with(func(s *signature.Scheme) { s.Prefix = "v1 " }), []string{"prefix"}},
		{"umlaut in the prefix", with(func(s *signature.Scheme) { s.Prefix = "ü" }), []string{"prefix"}},
		{"long prefix", with(func(s *signature.Scheme) { s.Prefix = strings.Repeat("x", 65) }), []string{"prefix"}},
		{"everything", signature.Scheme{SignatureHeader: "\n", IDHeader: "\n", TimestampHeader: "\n", TimestampUnit: "\n", TimestampField: "\n",
			Prefix: "\n", Encoding: "\n", Signs: "\n"},
			[]string{"signatureHeader", "timestampHeader", "idHeader", "encoding", "signs", "timestampUnit", "timestampField", "prefix"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fields(c.scheme.Check()); strings.Join(got, " ") != strings.Join(c.want, " ") {
				t.Errorf("Check(%+v) names %q, want %q", c.scheme, got, c.want)
			}
		})
	}
}

// fields returns the words before the colon of each line of an error.
func fields(err error) (out []string) {
	if err == nil {
		return nil
	}
	for line := range strings.Lines(err.Error()) {
		field, _, _ := strings.Cut(line, ":")
		out = append(out, field)
	}
	return out
}

func TestTimestamp(t *testing.T) {
	at := time.UnixMilli(1614265330999)
	for _, c := range []struct{ scheme, want string }{
		{signature.NameGenesysWebhook, "1614265330999"},
		{signature.NameStandardWebhooks, "1614265330"},
	} {
		if got := named(t, c.scheme).Timestamp(at); got != c.want {
			t.Errorf("Timestamp(%q) = %q, want %q", c.scheme, got, c.want)
		}
	}
}

func TestNewKeyRefuses(t *testing.T) {
	s := named(t, signature.NameStandardWebhooks)
	for _, text := range []string{"", "whsec_", "whsec_a secret that is not base64", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"} {
		_, err := s.NewKey(secret.New(text))
		if !errors.Is(err, signature.ErrSecretForm) {
			t.Errorf("NewKey(%q) = %v, want ErrSecretForm", text, err)
			continue
		}
		if tail := strings.TrimPrefix(text, "whsec_"); tail != "" && strings.Contains(err.Error(), tail) {
			t.Errorf("the error %q repeats the secret", err)
		}
	}
	with, without := newKey(t, s, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), newKey(t, s, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	a, b := s.Sign(with, "i", time.Unix(1, 0), nil), s.Sign(without, "i", time.Unix(1, 0), nil)
	if a.Get(s.SignatureHeader) != b.Get(s.SignatureHeader) {
		t.Errorf("Sign with whsec_ = %q, without %q: want the same", a, b)
	}
}

// TestKeyIsSilent prints a key that was used in every way that fmt and json know.
func TestKeyIsSilent(t *testing.T) {
	key := newKey(t, hexBody, secretText)
	_ = hexBody.Sign(key, "", time.Time{}, nil) // fills the pool
	holder := struct {
		key  signature.Key
		Keys []signature.Key
	}{key, []signature.Key{key}}
	for _, v := range []any{key, &key, holder, &holder} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
			silent(t, verb, fmt.Sprintf(verb, v))
		}
		b, err := json.Marshal(v)
		silent(t, "json", string(b)+fmt.Sprint(err))
	}
}

func silent(t *testing.T, how, text string) {
	t.Helper()
	for _, spelling := range []string{secretText, fmt.Sprintf("%x", secretText), fmt.Sprintf("%X", secretText), fmt.Sprint([]byte(secretText[:8]))[1:20]} {
		if strings.Contains(text, spelling) {
			t.Errorf("%s prints the secret: %s", how, text)
		}
	}
}
