package event

// Version is the message format that this package writes. A message of another version is not readable.
const Version = "1"

// Headers of a captured request. See the package comment for HTTP headers.
const (
	HeaderVersion    = "Hookproof-Version"
	HeaderID         = "Hookproof-Id"          // UUIDv7, given by the ingress
	HeaderReceivedAt = "Hookproof-Received-At" // RFC 3339 with nanoseconds, UTC
	HeaderRemoteAddr = "Hookproof-Remote-Addr" // the TCP peer, address and port
	HeaderClientIP   = "Hookproof-Client-Ip"   // the sender, resolved through trusted proxies; absent when there is none
	HeaderPath       = "Hookproof-Path"        // path and query as requested
	HeaderAttempt    = "Hookproof-Attempt"     // number of the redrive; absent on the first passage
	HeaderRedrivenBy = "Hookproof-Redriven-By" // who redrove it; it stays on the outcome, as the record of that
)

// Headers that an outcome adds.
const (
	HeaderReason            = "Hookproof-Reason" // why it was rejected or parked
	HeaderDetail            = "Hookproof-Detail"
	HeaderPolicyRevision    = "Hookproof-Policy-Revision"
	HeaderVerifier          = "Hookproof-Verifier"
	HeaderKey               = "Hookproof-Key"                // the replay key: what a consumer deduplicates by beyond the horizon
	HeaderPossibleDuplicate = "Hookproof-Possible-Duplicate" // "true" when the outage was longer than the horizon
	HeaderReplayCheck       = "Hookproof-Replay-Check"       // "off" when the policy switched the replay check off
)

// CloudEvents 1.0 headers in NATS binary mode, lower case because the CloudEvents SDKs read no other.
const (
	HeaderCEID          = "ce-id"
	HeaderCESource      = "ce-source"
	HeaderCEType        = "ce-type"
	HeaderCETime        = "ce-time"
	HeaderCESpecVersion = "ce-specversion"
	HeaderContentType   = "content-type"
)

// DefaultType is the CloudEvents type of a verified event whose policy does not take it from the body.
const DefaultType = "hookproof.webhook"

// httpPrefix goes before the name of each captured HTTP header.
const httpPrefix = "Http-"

// headerMsgID makes JetStream store a message once within the stream's duplicate window.
const headerMsgID = "Nats-Msg-Id"

// Subject roots. A subject is a root, a dot and the webhook.
const (
	Unverified = "unverified"
	Verified   = "verified"
	Rejected   = "rejected"
	Parked     = "parked"
)

// Reason is the first check that a request failed.
type Reason string

// Reasons for a rejection, in the order of the checks.
const (
	UnknownWebhook    Reason = "UNKNOWN_WEBHOOK"
	IPNotWhitelisted  Reason = "IP_NOT_WHITELISTED"
	MissingTimestamp  Reason = "MISSING_TIMESTAMP"
	TimestampSkew     Reason = "TIMESTAMP_SKEW_EXCEEDED"
	MissingSignature  Reason = "MISSING_SIGNATURE"
	SignatureMismatch Reason = "SIGNATURE_MISMATCH"
	ReplayDetected    Reason = "REPLAY_ATTACK_DETECTED"
)

// Reasons for parking a message that cannot be judged.
const (
	Unreadable       Reason = "UNREADABLE"          // not a message that an ingress writes
	UnknownVersion   Reason = "UNKNOWN_VERSION"     // of another message format
	Unresolvable     Reason = "SECRET_UNRESOLVABLE" // the policy's secret cannot be had
	Panicked         Reason = "PANIC"               // the verifier panicked on it
	ReplayTooOld     Reason = "REPLAY_UNDECIDABLE"  // a would-be replay on a message older than the horizon
	PolicyUnreadable Reason = "POLICY_UNREADABLE"   // the policy is of a newer format, or damaged
)

// Reasons lists the reasons for a rejection, in the order of the checks.
func Reasons() []Reason {
	return []Reason{UnknownWebhook, IPNotWhitelisted, MissingTimestamp, TimestampSkew, MissingSignature, SignatureMismatch, ReplayDetected}
}

// ParkReasons lists the reasons for parking a message.
func ParkReasons() []Reason {
	return []Reason{Unreadable, UnknownVersion, Unresolvable, Panicked, ReplayTooOld, PolicyUnreadable}
}

// Details of a reason: a closed set, for operators only.
const (
	DetailSkew            = "skew"             // outside the tolerance
	DetailUnparsable      = "unparsable"       // not a time
	DetailDuplicateHeader = "duplicate_header" // the header came with two different values
	DetailMismatch        = "mismatch"         // well formed, of no secret
	DetailMalformed       = "malformed"        // not in the scheme's form
	DetailHexEncoded      = "hex_encoded"      // hex where base64 was due
	DetailBase64Encoded   = "base64_encoded"   // base64 where hex was due
	DetailLength          = "length"           // not as long as a MAC
	DetailNotCanonical    = "not_canonical"    // another spelling of the same bytes
	DetailExpiredSecret   = "expired_secret"   // right for a secret that is no longer valid
	DetailRedelivery      = "redelivery"       // an honest retry: same bytes and timestamp within RedeliveryWindow
	DetailReplay          = "replay"           // seen before
	DetailNoAddress       = "no_address"       // the client address could not be resolved
)

// maxWebhook is the longest name of a webhook in bytes.
const maxWebhook = 64

// ValidWebhook reports whether name can name a webhook: 1 to 64 of A-Z a-z 0-9 _ -, so one subject token and one path segment.
func ValidWebhook(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return 1 <= len(name) && len(name) <= maxWebhook
}

// Subject returns the subject of a webhook's messages under a root such as Verified.
func Subject(root, webhook string) string { return root + "." + webhook }
