package signature

import (
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"time"
)

// Encoding is how a MAC is written in a header.
type Encoding string

// The encodings: standard base64 with padding, and lower-case hex. Only the canonical spelling is accepted.
const (
	Base64 Encoding = "base64"
	Hex    Encoding = "hex"
)

// Content is what the MAC covers.
type Content string

// The contents. The timestamp and the id are the header's text as it came.
const (
	Body            Content = "body"
	TimestampBody   Content = "timestamp.body"
	IDTimestampBody Content = "id.timestamp.body"
)

// Unit is how a timestamp header counts since the Unix epoch.
type Unit string

// The units.
const (
	Seconds      Unit = "s"
	Milliseconds Unit = "ms"
)

// Scheme says how a sender signs. It is a value and safe for concurrent use.
type Scheme struct {
	Name            string   `json:"name"`
	SignatureHeader string   `json:"signatureHeader"`
	Prefix          string   `json:"prefix,omitempty"` // text before the MAC, such as "sha256="
	Encoding        Encoding `json:"encoding"`
	Signs           Content  `json:"signs"`
	IDHeader        string   `json:"idHeader,omitempty"`        // for IDTimestampBody
	TimestampHeader string   `json:"timestampHeader,omitempty"` // empty: no header carries the time
	TimestampUnit   Unit     `json:"timestampUnit,omitempty"`
	TimestampField  string   `json:"timestampField,omitempty"` // JSON pointer to an RFC 3339 time in the signed body
	List            bool     `json:"list,omitempty"`           // the header holds several signatures, separated by spaces
	Base64Secret    bool     `json:"base64Secret,omitempty"`   // the secret is base64, perhaps after "whsec_"
}

// Names of the schemes that a webhook's configuration may name.
const (
	NameGenesysWebhook       = "genesys-webhook"
	NameGenesysOpenMessaging = "genesys-open-messaging"
	NameStandardWebhooks     = "standard-webhooks"
	NameCustom               = "custom"
)

// Named returns the scheme of that name. NameCustom is not among them: its fields come from the configuration.
func Named(name string) (Scheme, bool) {
	switch name {
	case NameGenesysWebhook:
		// The contract of /api/v2/integrations/webhooks: the timestamp is not signed.
		return Scheme{Name: name, SignatureHeader: "X-Genesys-Signature", Encoding: Base64, Signs: Body,
			TimestampHeader: "X-Genesys-Timestamp", TimestampUnit: Milliseconds}, true
	case NameGenesysOpenMessaging:
		// https://developer.genesys.cloud/commdigital/digital/openmessaging/: base64, although X-Hub-Signature-256 is hex elsewhere.
		return Scheme{Name: name, SignatureHeader: "X-Hub-Signature-256", Prefix: "sha256=", Encoding: Base64, Signs: Body,
			TimestampField: "/channel/time"}, true
	case NameStandardWebhooks:
		// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
		return Scheme{Name: name, SignatureHeader: "webhook-signature", Prefix: "v1,", Encoding: Base64, Signs: IDTimestampBody,
			IDHeader: "webhook-id", TimestampHeader: "webhook-timestamp", TimestampUnit: Seconds, List: true, Base64Secret: true}, true
	}
	return Scheme{}, false
}

// SignsTime reports whether the MAC covers the time in the header, so that a captured request cannot be stamped anew.
func (s Scheme) SignsTime() bool { return s.Signs == TimestampBody || s.Signs == IDTimestampBody }

// Check reports every field that is wrong, by its JSON name.
func (s Scheme) Check() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
	}
	header := func(field, name string, needed bool) {
		switch {
		case name == "" && needed:
			bad(field, "is needed")
		case name != "" && !headerName(name):
			bad(field, "%.64q is not an HTTP header name", name)
		}
	}
	header("signatureHeader", s.SignatureHeader, true)
	header("timestampHeader", s.TimestampHeader, s.SignsTime())
	header("idHeader", s.IDHeader, s.Signs == IDTimestampBody)
	if s.Encoding != Base64 && s.Encoding != Hex {
		bad("encoding", "%.32q is neither base64 nor hex", s.Encoding)
	}
	if s.Signs != Body && s.Signs != TimestampBody && s.Signs != IDTimestampBody {
		bad("signs", "%.32q is none of body, timestamp.body, id.timestamp.body", s.Signs)
	}
	if s.TimestampHeader != "" && s.TimestampUnit != Seconds && s.TimestampUnit != Milliseconds {
		bad("timestampUnit", "%.32q is neither s nor ms", s.TimestampUnit)
	}
	if s.TimestampField != "" && (s.TimestampHeader != "" || !strings.HasPrefix(s.TimestampField, "/")) {
		bad("timestampField", "a JSON pointer such as /channel/time, and only without a timestampHeader")
	}
	if strings.ContainsFunc(s.Prefix, func(r rune) bool { return r <= ' ' || r > '~' }) || len(s.Prefix) > 64 {
		bad("prefix", "at most 64 printable ASCII characters without blanks")
	}
	return errors.Join(errs...)
}

// headerName reports whether name is a token of RFC 9110, section 5.6.2.
func headerName(name string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	return len(name) <= 128 && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune(marks, r)
	})
}

// Timestamp formats t as the scheme's timestamp header carries it.
func (s Scheme) Timestamp(t time.Time) string {
	if s.TimestampUnit == Seconds {
		return fmt.Sprint(t.Unix())
	}
	return fmt.Sprint(t.UnixMilli())
}

// Values looks up every value of an HTTP header by its name in any case: http.Header and event.Header do.
type Values interface{ Values(name string) []string }

// Single returns the value of a header that may have only one. Lines that repeat the same value count as one; different
// values are no value at all: conflict is true.
func Single(h Values, name string) (value string, conflict bool) {
	values := h.Values(textproto.CanonicalMIMEHeaderKey(name))
	for i, v := range values {
		if i > 0 && v != values[0] {
			return "", true
		}
		value = v
	}
	return value, false
}
