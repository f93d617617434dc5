package genesystest

import (
	"net/http"
	"slices"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/secret"
)

// webhookJSON is a webhook on the wire. It is written down here a second time, apart from pkg/genesys, so that the client
// and the simulator check each other.
type webhookJSON struct {
	ID                    string       `json:"id,omitempty"`
	Name                  string       `json:"name"`
	URI                   string       `json:"uri"`
	Events                []string     `json:"events"`
	Enabled               bool         `json:"enabled"`
	SecurityConfiguration securityJSON `json:"securityConfiguration"`
	RetryPolicy           policyJSON   `json:"retryPolicy"`
	DateCreated           string       `json:"dateCreated,omitempty"`
	DateModified          string       `json:"dateModified,omitempty"`
	SelfURI               string       `json:"selfUri,omitempty"`
}

type securityJSON struct {
	SecretKey          string         `json:"secretKey,omitempty"` // only ever read
	SignatureAlgorithm string         `json:"signatureAlgorithm"`
	IPWhitelist        []string       `json:"ipWhitelist"`
	RateLimit          *rateLimitJSON `json:"rateLimit,omitempty"`
}

type rateLimitJSON struct {
	MaxRequestsPerSecond int `json:"maxRequestsPerSecond"`
	BurstSize            int `json:"burstSize"`
}

type policyJSON struct {
	RetryCount        int `json:"retryCount"`
	RetryDelaySeconds int `json:"retryDelaySeconds"`
}

// apply puts what a request says into a webhook.
func (j webhookJSON) apply(w *genesys.Webhook) {
	w.Name, w.URI, w.Events, w.Enabled = j.Name, j.URI, j.Events, j.Enabled
	w.Security = genesys.Security{
		SecretKey:          secret.New(j.SecurityConfiguration.SecretKey),
		SignatureAlgorithm: j.SecurityConfiguration.SignatureAlgorithm,
		IPWhitelist:        j.SecurityConfiguration.IPWhitelist,
	}
	if l := j.SecurityConfiguration.RateLimit; l != nil {
		w.Security.RateLimit = genesys.RateLimit(*l)
	}
	w.Retry = genesys.RetryPolicy(j.RetryPolicy)
	w.DateModified.Time = now()
}

// showWebhook is a webhook as answers show it: without its secret.
func showWebhook(w *genesys.Webhook) webhookJSON {
	j := webhookJSON{
		ID: w.ID, Name: w.Name, URI: w.URI, Enabled: w.Enabled,
		Events:       append([]string{}, w.Events...),
		RetryPolicy:  policyJSON(w.Retry),
		DateCreated:  timeText(w.DateCreated),
		DateModified: timeText(w.DateModified),
		SelfURI:      webhooksPath + "/" + w.ID,
	}
	j.SecurityConfiguration.SignatureAlgorithm = w.Security.SignatureAlgorithm
	j.SecurityConfiguration.IPWhitelist = append([]string{}, w.Security.IPWhitelist...)
	if w.Security.RateLimit != (genesys.RateLimit{}) {
		l := rateLimitJSON(w.Security.RateLimit)
		j.SecurityConfiguration.RateLimit = &l
	}
	return j
}

func (s *Simulator) createWebhook(r *request) answer {
	j, problems := s.readWebhook(r.body)
	if problems != nil {
		return invalid(problems)
	}
	w := &genesys.Webhook{ID: s.dice.id(), DateCreated: genesys.Timestamp{Time: now()}}
	j.apply(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhooks = append(s.webhooks, w)
	s.counts.created[kindWebhook]++
	return ok(showWebhook(w))
}

func (s *Simulator) listWebhooks(r *request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]webhookJSON, len(s.webhooks))
	for i, w := range s.webhooks {
		all[i] = showWebhook(w)
	}
	return paged(r.URL, all, s.cfg.MaxPageSize)
}

func (s *Simulator) getWebhook(r *request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.webhook(r.PathValue("id"))
	if w == nil {
		return notFound()
	}
	return ok(showWebhook(w))
}

func (s *Simulator) updateWebhook(r *request) answer {
	j, problems := s.readWebhook(r.body)
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.webhook(r.PathValue("id"))
	switch {
	case w == nil:
		return notFound()
	case problems != nil:
		return invalid(problems)
	}
	j.apply(w)
	return ok(showWebhook(w))
}

func (s *Simulator) deleteWebhook(r *request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.webhook(r.PathValue("id"))
	if w == nil {
		return notFound()
	}
	s.webhooks = slices.DeleteFunc(s.webhooks, func(x *genesys.Webhook) bool { return x == w })
	return answer{status: http.StatusNoContent}
}

// webhook returns the webhook with that id, or nil. The caller holds the lock.
func (s *Simulator) webhook(id string) *genesys.Webhook {
	i := slices.IndexFunc(s.webhooks, func(w *genesys.Webhook) bool { return w.ID == id })
	if i < 0 {
		return nil
	}
	return s.webhooks[i]
}

func timeText(t genesys.Timestamp) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(milliseconds)
}

// milliseconds is how Genesys Cloud writes times.
const milliseconds = "2006-01-02T15:04:05.000Z"
