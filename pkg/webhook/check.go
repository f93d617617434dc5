package webhook

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/jsonpointer"
	"github.com/hookproof/hookproof/pkg/policy"
)

// Options relax Check.
type Options struct {
	// AllowPrivateTargets accepts target URIs whose host is loopback, private or link-local, there also plain http and,
	// for Open Messaging, any port: for tests and demonstrations.
	AllowPrivateTargets bool
}

// Check reports every field that is wrong, as FieldErrors. It reads nothing: whether the secret can be resolved shows later.
// Of an absent webhook only its name, kind and generation count, so that a file may keep everything else.
func (w Webhook) Check(o Options) error {
	var bad FieldErrors
	w.checkIdentity(&bad)
	if w.Removed() {
		return bad.err()
	}
	w.checkTarget(o, &bad)
	w.checkScheme(&bad)
	w.checkSecret(&bad)
	w.checkAllowlist(&bad)
	w.checkWindows(&bad)
	w.checkLimits(&bad)
	w.checkKind(&bad)
	return bad.err()
}

func (w Webhook) checkIdentity(bad *FieldErrors) {
	switch {
	case w.Webhook == "":
		bad.add("webhook", "is needed: the name under which the ingress is reached")
	case !event.ValidWebhook(w.Webhook):
		bad.add("webhook", "%.80q is not 1 to 64 of A-Z a-z 0-9 _ -", w.Webhook)
	}
	switch w.Kind {
	case KindNone, KindWebhook, KindOpenMessaging:
	case "":
		if !w.Removed() {
			bad.add("kind", "is needed: none, webhook or open-messaging")
		}
	default:
		bad.add("kind", "%.32q is none of none, webhook, open-messaging", w.Kind)
	}
	if w.State != "" && w.State != Present && w.State != Absent {
		bad.add("state", "%.32q is neither present nor absent", w.State)
	}
	if w.Generation < 0 {
		bad.add("generation", "%d is negative", w.Generation)
	}
	if n := utf8.RuneCountInString(w.Name); n > 256 || strings.ContainsFunc(w.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		bad.add("name", "at most 256 characters without control characters")
	}
}

func (w Webhook) checkSecret(bad *FieldErrors) {
	switch {
	case w.Secret == "":
		bad.add("secret", "is needed: env:NAME, file:PATH, sealed:… or, with a kind of Genesys Cloud, generate")
	case w.Generates() && w.Kind == KindNone:
		bad.add("secret", "generate needs a kind that hands the secret to Genesys Cloud; nobody else would ever know it")
	case !w.Generates():
		if err := w.Secret.Check(); err != nil {
			bad.add("secret", "%v", err)
		}
	}
}

func (w Webhook) checkWindows(bad *FieldErrors) {
	span := func(field string, d *policy.Duration, low, high time.Duration) {
		if v := duration(d, low); v < low || v > high {
			bad.add(field, "%s is not between %s and %s", v, low, high)
		}
	}
	span("secretOverlap", w.SecretOverlap, 0, MaxSecretOverlap)
	span("tolerance", w.Tolerance, MinTolerance, MaxTolerance)
	if w.Replay != "" && w.Replay != ReplayOn && w.Replay != ReplayOff {
		bad.add("replay", "%.32q is neither on nor off", w.Replay)
	}
	if err := jsonpointer.Check(w.EventType); err != nil {
		bad.add("eventType", "%v", err)
	}
}

func (w Webhook) checkLimits(bad *FieldErrors) {
	if n := w.MaxBodyBytes; n != nil && (*n < 1 || *n > MaxMaxBodyBytes) {
		bad.add("maxBodyBytes", "%d is not between 1 and %d", *n, MaxMaxBodyBytes)
	}
	number := func(field string, n, low, high int) {
		if n < low || n > high {
			bad.add(field, "%d is not between %d and %d", n, low, high)
		}
	}
	if l := w.RateLimit; l != nil {
		number("rateLimit.maxRequestsPerSecond", l.MaxRequestsPerSecond, 1, 1_000_000)
		number("rateLimit.burstSize", l.BurstSize, 0, 1_000_000)
	}
	if r := w.RetryPolicy; r != nil {
		number("retryPolicy.retryCount", r.RetryCount, 0, 10)
		number("retryPolicy.retryDelaySeconds", r.RetryDelaySeconds, 0, 3600)
	}
}

// checkKind reports fields that the kind needs, and those that it would silently ignore.
func (w Webhook) checkKind(bad *FieldErrors) {
	only := func(field string, given bool, kind Kind) {
		if given && w.Kind != kind && w.Kind != "" {
			bad.add(field, "is only for the kind %s", kind)
		}
	}
	only("events", len(w.Events) > 0, KindWebhook)
	only("retryPolicy", w.RetryPolicy != nil, KindWebhook)
	only("supportedContentId", w.SupportedContentID != "", KindOpenMessaging)
	only("messagingSettingId", w.MessagingSettingID != "", KindOpenMessaging)
	only("webhookHeaders", len(w.WebhookHeaders) > 0, KindOpenMessaging)
	if w.Kind == KindWebhook && len(w.Events) == 0 {
		bad.add("events", "is needed: the topics that Genesys Cloud shall send")
	}
	seen := map[string]bool{}
	for i, e := range w.Events {
		field := fmt.Sprintf("events[%d]", i)
		if !plainID(e, 256) {
			bad.add(field, "a topic has 1 to 256 printable ASCII characters without blanks")
		} else if seen[e] {
			bad.add(field, "%.64q is there already", e)
		}
		seen[e] = true
	}
	for _, f := range []struct{ field, id string }{{"supportedContentId", w.SupportedContentID}, {"messagingSettingId", w.MessagingSettingID}} {
		if f.id != "" && !plainID(f.id, 128) && !bad.has(f.field) {
			bad.add(f.field, "is not an id of Genesys Cloud")
		}
	}
	w.checkHeaders(bad)
}

func (w Webhook) checkHeaders(bad *FieldErrors) {
	if len(w.WebhookHeaders) > 32 {
		bad.add("webhookHeaders", "has %d entries, at most 32 are accepted", len(w.WebhookHeaders))
	}
	for name, value := range w.WebhookHeaders {
		field := fmt.Sprintf("webhookHeaders.%.64s", name)
		switch {
		case name == "" || len(name) > 128 || strings.ContainsFunc(name, notToken):
			bad.add(field, "is not an HTTP header name")
		case len(value) > 4096 || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			bad.add(field, "its value has to be printable ASCII of at most 4096 bytes")
		}
	}
}

// notToken reports what a token of RFC 9110, section 5.6.2, has not.
func notToken(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

func plainID(s string, most int) bool {
	return s != "" && len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
