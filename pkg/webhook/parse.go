package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/hookproof/hookproof/pkg/signature"
)

// MaxDocument is the size in bytes of the largest document that is read.
const MaxDocument = 128 << 10

// ErrSyntax says that a document is not one JSON object, or not one YAML document that could be one.
var ErrSyntax = errors.New("the document cannot be read")

// ParseFile reads a document as its file's name says: JSON for .json, YAML for .yaml and .yml.
func ParseFile(name string, b []byte) (Webhook, error) {
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".json":
		return ParseJSON(b)
	case ".yaml", ".yml":
		return ParseYAML(b)
	default:
		return Webhook{}, fmt.Errorf("%w: the name ends in %.16q, not in .yaml, .yml or .json", ErrSyntax, ext)
	}
}

// ParseYAML reads a YAML document as the JSON that it stands for: one document, whose keys are strings, without anchors,
// tags of one's own and keys that repeat. Errors are as of ParseJSON.
func ParseYAML(b []byte) (Webhook, error) {
	if len(b) > MaxDocument {
		return Webhook{}, tooLong()
	}
	converted, err := yamlToJSON(b)
	if err != nil {
		return Webhook{}, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return ParseJSON(converted)
}

// ParseJSON reads a config message strictly: unknown fields, keys that repeat, null and trailing data are refused. The error
// wraps ErrSyntax when the document is not JSON at all. Otherwise it is FieldErrors, and the Webhook holds what could be
// read, so that Merge with Check names everything that is wrong.
func ParseJSON(b []byte) (Webhook, error) { return parseJSON(b, nil) }

// parseJSON also notes at which byte each field stands, unless at is nil.
func parseJSON(b []byte, at map[string]int64) (Webhook, error) {
	if len(b) > 2*MaxDocument { // YAML grows when it is converted
		return Webhook{}, tooLong()
	}
	if !utf8.Valid(b) {
		return Webhook{}, fmt.Errorf("%w: it is not UTF-8", ErrSyntax)
	}
	var bad FieldErrors
	if err := scanDocument(b, at, &bad); err != nil {
		return Webhook{}, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	var document map[string]json.RawMessage
	if err := json.Unmarshal(b, &document); err != nil || document == nil {
		return Webhook{}, fmt.Errorf("%w: it is not a JSON object", ErrSyntax)
	}
	var w Webhook
	decodeFields("", document, w.fields(), &bad)
	return w, bad.err()
}

func tooLong() error { return fmt.Errorf("%w: it has more than %d bytes", ErrSyntax, MaxDocument) }

// fields maps the names of a document to where their values go.
func (w *Webhook) fields() fields {
	return fields{
		"webhook": &w.Webhook, "kind": &w.Kind, "generation": &w.Generation, "state": &w.State, "name": &w.Name,
		"targetUri": &w.TargetURI, "events": &w.Events, "scheme": &w.Scheme, "secret": &w.Secret,
		"secretOverlap": &w.SecretOverlap, "allowlist": &w.Allowlist, "tolerance": &w.Tolerance, "replay": &w.Replay,
		"eventType": &w.EventType, "maxBodyBytes": &w.MaxBodyBytes,
		"rateLimit": func() fields {
			w.RateLimit = new(RateLimit)
			return fields{"maxRequestsPerSecond": &w.RateLimit.MaxRequestsPerSecond, "burstSize": &w.RateLimit.BurstSize}
		},
		"retryPolicy": func() fields {
			w.RetryPolicy = new(RetryPolicy)
			return fields{"retryCount": &w.RetryPolicy.RetryCount, "retryDelaySeconds": &w.RetryPolicy.RetryDelaySeconds}
		},
		"supportedContentId": &w.SupportedContentID, "messagingSettingId": &w.MessagingSettingID, "webhookHeaders": &w.WebhookHeaders,
	}
}

// fields maps the names of a custom scheme, which must not bear the name of a known one.
func (s *Scheme) fields() fields {
	*s = Scheme{signature.Scheme{Name: signature.NameCustom}}
	return fields{
		"name": &s.Name, "signatureHeader": &s.SignatureHeader, "prefix": &s.Prefix, "encoding": &s.Encoding, "signs": &s.Signs,
		"idHeader": &s.IDHeader, "timestampHeader": &s.TimestampHeader, "timestampUnit": &s.TimestampUnit,
		"timestampField": &s.TimestampField, "list": &s.List, "base64Secret": &s.Base64Secret,
	}
}
