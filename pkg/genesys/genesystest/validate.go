package genesystest

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"net/url"
	"unicode/utf8"
)

// problems collects what is wrong with a body.
type problems []errorDetail

func (p *problems) check(good bool, field, code string) {
	if !good {
		*p = append(*p, errorDetail{ErrorCode: code, FieldName: field})
	}
}

// decode reads a body strictly: a field that the API does not know is a mistake of the caller's.
func decode(body []byte, into any) problems {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if d.Decode(into) != nil || d.More() {
		return problems{{ErrorCode: "invalid.json", FieldName: "body"}}
	}
	return nil
}

// readWebhook reads and checks a webhook as it is created or replaced.
func (s *Simulator) readWebhook(body []byte) (webhookJSON, problems) {
	var j webhookJSON
	if p := decode(body, &j); p != nil {
		return j, p
	}
	var p problems
	sec := j.SecurityConfiguration
	p.check(j.Name != "", "name", "required")
	p.check(s.sendable(j.URI, false), "uri", "invalid.uri")
	p.check(len(j.Events) > 0, "events", "required")
	p.check(sec.SecretKey != "", "securityConfiguration.secretKey", "required")
	p.check(sec.SignatureAlgorithm == "HMAC_SHA256", "securityConfiguration.signatureAlgorithm", "invalid.value")
	for _, cidr := range sec.IPWhitelist {
		_, err := netip.ParsePrefix(cidr)
		p.check(err == nil, "securityConfiguration.ipWhitelist", "invalid.cidr")
	}
	if l := sec.RateLimit; l != nil {
		p.check(l.MaxRequestsPerSecond > 0, "securityConfiguration.rateLimit.maxRequestsPerSecond", "invalid.value")
		p.check(l.BurstSize >= 0, "securityConfiguration.rateLimit.burstSize", "invalid.value")
	}
	p.check(j.RetryPolicy.RetryCount >= 0 && j.RetryPolicy.RetryCount <= 10, "retryPolicy.retryCount", "invalid.value")
	p.check(j.RetryPolicy.RetryDelaySeconds >= 0, "retryPolicy.retryDelaySeconds", "invalid.value")
	return j, p
}

// readIntegration reads and checks an integration; in a change every field may be left out.
func (s *Simulator) readIntegration(body []byte, creation bool) (integrationJSON, problems) {
	var j integrationJSON
	if p := decode(body, &j); p != nil {
		return j, p
	}
	var p problems
	if creation || j.Name != "" {
		p.check(j.Name != "", "name", "required")
	}
	if creation || j.URL != "" {
		p.check(s.sendable(j.URL, true), "outboundNotificationWebhookUrl", "invalid.url")
	}
	if creation || j.SecretToken != "" {
		p.check(utf8.RuneCountInString(j.SecretToken) > 15, "outboundNotificationWebhookSignatureSecretToken", "invalid.length")
	}
	return j, p
}

// sendable reports whether the API sends to a URI: https, and for Open Messaging on port 443.
func (s *Simulator) sendable(uri string, only443 bool) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return false
	}
	if s.cfg.AllowInsecureTargets {
		return u.Scheme == "http" || u.Scheme == "https"
	}
	return u.Scheme == "https" && (!only443 || u.Port() == "" || u.Port() == "443")
}
