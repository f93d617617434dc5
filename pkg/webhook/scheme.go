package webhook

import (
	"encoding/json"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/signature"
)

// Scheme is a webhook's signature scheme: the name of a known one, or a custom one with its fields. The zero Scheme stands
// for the kind's own.
type Scheme struct{ signature.Scheme }

// NamedScheme returns the scheme of that name. Of a name that is not known it holds the name only, and Check refuses it.
func NamedScheme(name string) Scheme {
	s, ok := signature.Named(name)
	if !ok {
		s = signature.Scheme{Name: name}
	}
	return Scheme{s}
}

// MarshalJSON writes the name of a known scheme, and all the fields of a custom one.
func (s Scheme) MarshalJSON() ([]byte, error) {
	if s == NamedScheme(s.Name) {
		return json.Marshal(s.Name)
	}
	return json.Marshal(s.Scheme)
}

// UnmarshalJSON reads what MarshalJSON wrote. It does not check: ParseJSON does.
func (s *Scheme) UnmarshalJSON(b []byte) error {
	var name string
	if json.Unmarshal(b, &name) == nil {
		*s = NamedScheme(name)
		return nil
	}
	return json.Unmarshal(b, &s.Scheme)
}

// SignatureScheme returns the scheme with the kind's default filled in.
func (w Webhook) SignatureScheme() signature.Scheme {
	if w.Scheme.Name != "" {
		return w.Scheme.Scheme
	}
	s, _ := signature.Named(w.Kind.scheme())
	return s
}

// scheme returns the name of the scheme that senders of a kind use.
func (k Kind) scheme() string {
	if k == KindOpenMessaging {
		return signature.NameGenesysOpenMessaging
	}
	return signature.NameGenesysWebhook
}

func (w Webhook) checkScheme(bad *FieldErrors) {
	s := w.Scheme
	_, known := signature.Named(s.Name)
	switch {
	case s.Name == "":
	case s.Name == signature.NameCustom:
		s.checkCustom(bad)
	case !known:
		bad.add("scheme", "%.64q is none of %s", s.Name, strings.Join(schemeNames(), ", "))
	case w.Kind != KindNone && w.Kind != "" && s.Name != w.Kind.scheme():
		bad.add("scheme", "a sender of the kind %s signs with %s", w.Kind, w.Kind.scheme())
	}
}

func schemeNames() []string {
	return []string{signature.NameGenesysWebhook, signature.NameGenesysOpenMessaging, signature.NameStandardWebhooks,
		"or an object for a custom one"}
}

// checkCustom splits what the scheme says about its own fields, and adds what only the capture of requests knows.
func (s Scheme) checkCustom(bad *FieldErrors) {
	if joined, ok := s.Check().(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			field, problem, _ := strings.Cut(err.Error(), ": ")
			bad.add("scheme."+field, "%s", problem)
		}
	}
	for _, h := range []struct{ field, name string }{
		{"signatureHeader", s.SignatureHeader}, {"timestampHeader", s.TimestampHeader}, {"idHeader", s.IDHeader},
	} {
		if h.name != "" && !captured(h.name) && !bad.has("scheme."+h.field) {
			bad.add("scheme."+h.field, "%s is not captured, so it could never be checked", textproto.CanonicalMIMEHeaderKey(h.name))
		}
	}
}

// captured reports whether the ingress keeps a header.
func captured(name string) bool {
	name = textproto.CanonicalMIMEHeaderKey(name)
	return name != "Connection" && len(event.CaptureHeader(http.Header{name: {"x"}}, "")) > 0
}
