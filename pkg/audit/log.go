package audit

import (
	"net/http"
	"strconv"
	"time"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/policy"
)

// Summary is the answer of /webhooks/audit/log: what is enforced now, taken from the live policies and streams.
type Summary struct {
	ComplianceStandard  string             `json:"complianceStandard"`
	IPWhitelistEnforced bool               `json:"ipWhitelistEnforced"` // for every webhook
	ReplayProtection    string             `json:"replayProtection"`    // ENABLED, or DISABLED if for any webhook it is
	TimestampTolerance  string             `json:"timestampTolerance"`  // the widest of any webhook
	LogRetention        string             `json:"logRetention"`        // how long outcomes are kept at most
	SignatureAlgorithm  string             `json:"signatureAlgorithm"`
	GeneratedAt         time.Time          `json:"generatedAt"`
	Webhooks            map[string]Control `json:"webhooks"`
	Entries             string             `json:"entries"` // address of the outcomes themselves; see Page
}

// Control is what is enforced for one webhook.
type Control struct {
	Scheme              string `json:"scheme"`
	IPWhitelistEnforced bool   `json:"ipWhitelistEnforced"`
	ReplayProtection    string `json:"replayProtection"`
	TimestampTolerance  string `json:"timestampTolerance"`
	PolicyRevision      uint64 `json:"policyRevision"`
	Usable              bool   `json:"usable"` // false: its requests are parked
}

// Values of ReplayProtection.
const (
	Enabled  = "ENABLED"
	Disabled = "DISABLED"
)

// standard names what the controls are modelled on. It is a description, not a certificate.
const standard = "HMAC-SHA256 webhook verification (NIST FIPS 198-1)"

func (a *Audit) serveLog(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		a.serveEntries(w, r)
		return
	}
	verified, err := a.bus.State(r.Context(), bus.StreamVerified, "")
	if err == nil {
		var rejected bus.State
		if rejected, err = a.bus.State(r.Context(), bus.StreamRejected, ""); err == nil {
			admin.WriteJSON(w, http.StatusOK, summarize(a.policies.All(), verified.MaxAge, rejected.MaxAge, time.Now()))
			return
		}
	}
	a.log.WarnContext(r.Context(), "audit log", "error", err)
	admin.WriteJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "unavailable", "message": "the streams cannot be read now"})
}

func summarize(rings map[string]*policy.Ring, verified, rejected time.Duration, now time.Time) Summary {
	s := Summary{ComplianceStandard: standard, IPWhitelistEnforced: len(rings) > 0, ReplayProtection: Enabled, SignatureAlgorithm: "HMAC-SHA256",
		LogRetention: "verified " + verified.String() + ", rejected " + rejected.String(), GeneratedAt: now.UTC(), Webhooks: map[string]Control{}, Entries: logPath + "?limit=" + strconv.Itoa(defaultLimit)}
	var widest policy.Duration
	for webhook, r := range rings {
		c := control(r)
		s.Webhooks[webhook] = c
		s.IPWhitelistEnforced = s.IPWhitelistEnforced && c.IPWhitelistEnforced
		if c.ReplayProtection == Disabled {
			s.ReplayProtection = Disabled
		}
		widest = max(widest, r.Tolerance)
	}
	s.TimestampTolerance = time.Duration(widest).String()
	return s
}

// Controls returns what is enforced now, by webhook.
func (a *Audit) Controls() map[string]Control {
	controls := map[string]Control{}
	for webhook, r := range a.policies.All() {
		controls[webhook] = control(r)
	}
	return controls
}

func control(r *policy.Ring) Control {
	c := Control{Scheme: r.Scheme.Name, IPWhitelistEnforced: len(r.Allowlist) > 0, ReplayProtection: Enabled,
		TimestampTolerance: time.Duration(r.Tolerance).String(), PolicyRevision: r.Revision, Usable: r.Err == nil}
	if r.ReplayOff {
		c.ReplayProtection = Disabled
	}
	if r.Scheme.TimestampHeader == "" && r.Scheme.TimestampField == "" {
		c.TimestampTolerance = "not enforced: the scheme has no time"
	}
	return c
}
