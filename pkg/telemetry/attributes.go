package telemetry

import (
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Attributes of hookproof's own spans: what a rejected request is found by. The verdict is one of event.Verified,
// event.Rejected and event.Parked.
const (
	Verdict = attribute.Key("hookproof.verdict")
	Reason  = attribute.Key("hookproof.reason")
	Detail  = attribute.Key("hookproof.detail")
	Webhook = attribute.Key("hookproof.webhook")
	ID      = attribute.Key("hookproof.id")
	// Kept marks every span that is recorded because of its verdict and not because of the sampling ratio.
	Kept = attribute.Key("hookproof.kept")
	// Rebuilt marks a span of an ingress that a verifier made anew from the message; its duration is not known.
	Rebuilt = attribute.Key("hookproof.rebuilt")
	// Check and CheckResult tell of one check; the result is "passed", "failed", "skipped" or "off".
	Check       = attribute.Key("hookproof.check")
	CheckResult = attribute.Key("hookproof.check.result")
	// ClaimBucket and ClaimResult tell of the claim of a replay key.
	ClaimBucket = attribute.Key("hookproof.claim.bucket")
	ClaimResult = attribute.Key("hookproof.claim.result")
)

// UnknownWebhook stands for the webhook in metrics where a message names one that is not configured. It cannot be the
// name of a webhook.
const UnknownWebhook = "(unknown)"

// Route is the route of every webhook, and ServerSpan the name of the span of a request to it.
const (
	Route      = "/webhooks/{webhook}"
	ServerSpan = "POST " + Route
)

// Messaging returns what every span of an operation on a NATS subject says.
func Messaging(operation string, kind attribute.KeyValue, subject string) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String("nats"), semconv.MessagingOperationName(operation), kind,
		semconv.MessagingDestinationName(subject), semconv.MessagingDestinationTemplate(DestinationTemplate(subject)),
	}
}

// DestinationTemplate returns a subject with its last token replaced: of low cardinality, fit for metrics.
func DestinationTemplate(subject string) string {
	root, _, _ := strings.Cut(subject, ".")
	return root + ".{webhook}"
}

// maxText bounds text in attributes that comes from outside or from errors, in bytes.
const maxText = 256

// Clip cuts text from outside to a length that an attribute may have, and replaces what is not UTF-8.
func Clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
		for range utf8.UTFMax - 1 { // a letter that the cut left a part of
			if r, n := utf8.DecodeLastRuneInString(s); r == utf8.RuneError && n == 1 {
				s = s[:len(s)-1]
			}
		}
		s += "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Fail marks a span as failed: with an error type of low cardinality and a description in words.
func Fail(span trace.Span, errorType, description string) {
	span.SetAttributes(semconv.ErrorTypeKey.String(errorType))
	span.SetStatus(codes.Error, Clip(description))
}
