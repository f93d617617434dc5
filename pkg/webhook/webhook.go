package webhook

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
)

// Kind says which API of Genesys Cloud the webhook lives in.
type Kind string

// The kinds.
const (
	KindNone          Kind = "none"           // verification only: somebody else sets the sender up
	KindWebhook       Kind = "webhook"        // /api/v2/integrations/webhooks
	KindOpenMessaging Kind = "open-messaging" // /api/v2/conversations/messaging/integrations/open
)

// State says whether the webhook shall exist.
type State string

// The states.
const (
	Present State = "present"
	Absent  State = "absent"
)

// Generate is the secret of a webhook whose secret nobody shall know: it is made up, and handed to Genesys Cloud only. A
// label may follow, as in generate:2. Another label stands for another secret, and is how a generated secret is rotated.
const Generate secret.Ref = "generate"

// FollowOpenMessaging in an allowlist stands for the addresses that Genesys Cloud sends Open Messaging events from.
const FollowOpenMessaging = "genesys:open-messaging"

// Defaults and bounds.
const (
	DefaultSecretOverlap = 10 * time.Minute   // longer than the 85 s over which Genesys Cloud retries
	MaxSecretOverlap     = 7 * 24 * time.Hour // an old secret that lives longer was not replaced
	DefaultTolerance     = policy.DefaultTolerance
	MinTolerance         = time.Second
	MaxTolerance         = policy.MaxTolerance
	DefaultMaxBodyBytes  = 512 << 10
	MaxMaxBodyBytes      = 768 << 10 // the bus carries 1 MiB, headers included
)

// Webhook is the desired state of one webhook, whole. It is a value; a nil pointer and an empty string stand for the
// default. Parse it with ParseJSON, ParseYAML or ParseFile, and Check it before anything else.
type Webhook struct {
	Webhook    string `json:"webhook"` // its name in subjects, buckets and the path: see event.ValidWebhook
	Kind       Kind   `json:"kind,omitempty"`
	State      State  `json:"state,omitempty"`      // default Present
	Generation int64  `json:"generation,omitempty"` // where given, an older one than before is refused; 0 is none
	Name       string `json:"name,omitempty"`       // in Genesys Cloud; default "hookproof-<webhook>"
	TargetURI  string `json:"targetUri,omitempty"`  // where Genesys Cloud sends to

	Events []string `json:"events,omitempty"` // topics; KindWebhook only
	Scheme Scheme   `json:"scheme,omitzero"`  // default: the kind's own

	// Secret is a reference, or Generate with or without a label. To rotate, name another reference or label: the old
	// secret stays valid until the sender has the new one, and for SecretOverlap from then on.
	Secret        secret.Ref       `json:"secret,omitempty"`
	SecretOverlap *policy.Duration `json:"secretOverlap,omitempty"` // default DefaultSecretOverlap; 0 ends the old secret at once

	// Allowlist holds CIDRs, addresses and FollowOpenMessaging; nil allows every address.
	Allowlist    []string         `json:"allowlist,omitzero"`
	Tolerance    *policy.Duration `json:"tolerance,omitempty"`    // default DefaultTolerance
	Replay       Replay           `json:"replay,omitempty"`       // default ReplayOn
	EventType    string           `json:"eventType,omitempty"`    // JSON pointer to the CloudEvents type in the body
	MaxBodyBytes *int64           `json:"maxBodyBytes,omitempty"` // default DefaultMaxBodyBytes
	RateLimit    *RateLimit       `json:"rateLimit,omitempty"`    // default: unlimited
	RetryPolicy  *RetryPolicy     `json:"retryPolicy,omitempty"`  // KindWebhook only; default: DefaultRetryPolicy

	SupportedContentID string            `json:"supportedContentId,omitempty"` // KindOpenMessaging only
	MessagingSettingID string            `json:"messagingSettingId,omitempty"` // KindOpenMessaging only
	WebhookHeaders     map[string]string `json:"webhookHeaders,omitempty"`     // KindOpenMessaging only
}

// Replay switches the replay check.
type Replay string

// The replay check is on unless the sender's honest bodies repeat.
const (
	ReplayOn  Replay = "on"
	ReplayOff Replay = "off"
)

// RateLimit bounds the requests of addresses inside the allowlist.
type RateLimit struct {
	MaxRequestsPerSecond int `json:"maxRequestsPerSecond"`
	BurstSize            int `json:"burstSize,omitempty"` // 0 stands for MaxRequestsPerSecond
}

// RetryPolicy says how often Genesys Cloud repeats a delivery, and how many seconds apart.
type RetryPolicy struct {
	RetryCount        int `json:"retryCount"`
	RetryDelaySeconds int `json:"retryDelaySeconds"`
}

// DefaultRetryPolicy is what Genesys Cloud documents for Open Messaging: 5 retries, 5 s apart.
func DefaultRetryPolicy() RetryPolicy { return RetryPolicy{RetryCount: 5, RetryDelaySeconds: 5} }

// Generates reports whether the secret is to be made up.
func (w Webhook) Generates() bool {
	label, labelled := strings.CutPrefix(string(w.Secret), string(Generate)+":")
	return w.Secret == Generate || labelled && plainID(label, 64)
}

// Encode returns the webhook as a config message carries it. What was left out stays out.
func Encode(w Webhook) ([]byte, error) { return json.Marshal(w) }

// Removed reports whether the webhook shall not exist.
func (w Webhook) Removed() bool { return w.State == Absent }

// DisplayName returns the name in Genesys Cloud. It is deterministic, so that a webhook whose creation was not answered can
// be found again.
func (w Webhook) DisplayName() string { return cmp.Or(w.Name, "hookproof-"+w.Webhook) }

// Overlap returns how long a replaced secret stays valid.
func (w Webhook) Overlap() time.Duration {
	return duration(w.SecretOverlap, DefaultSecretOverlap)
}

func duration(d *policy.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return time.Duration(*d)
}
