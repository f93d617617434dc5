package genesystest

import (
	"net/http"
	"slices"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/secret"
)

// integration is an Open Messaging integration and how far its creation is.
type integration struct {
	genesys.OpenMessaging
	polls   int // GETs that still answer Initiated
	ready   time.Time
	failing bool
}

// integrationJSON is an integration on the wire; see webhookJSON.
type integrationJSON struct {
	ID               string            `json:"id,omitempty"`
	Name             string            `json:"name,omitempty"`
	Status           string            `json:"status,omitempty"`
	URL              string            `json:"outboundNotificationWebhookUrl,omitempty"`
	SecretToken      string            `json:"outboundNotificationWebhookSignatureSecretToken,omitempty"` // only ever read
	WebhookHeaders   map[string]string `json:"webhookHeaders,omitempty"`
	SupportedContent *referenceJSON    `json:"supportedContent,omitempty"`
	MessagingSetting *referenceJSON    `json:"messagingSetting,omitempty"`
	Recipient        *referenceJSON    `json:"recipient,omitempty"`
	CreateStatus     string            `json:"createStatus,omitempty"`
	CreateError      *apiError         `json:"createError,omitempty"`
	DateCreated      string            `json:"dateCreated,omitempty"`
	DateModified     string            `json:"dateModified,omitempty"`
	SelfURI          string            `json:"selfUri,omitempty"`
}

type referenceJSON struct {
	ID string `json:"id"`
}

// apply puts what a request says into an integration; what it leaves out stays.
func (j integrationJSON) apply(o *genesys.OpenMessaging) {
	o.Name = orDefault(j.Name, o.Name)
	o.WebhookURL = orDefault(j.URL, o.WebhookURL)
	if j.SecretToken != "" {
		o.Secret = secret.New(j.SecretToken)
	}
	if j.WebhookHeaders != nil {
		o.WebhookHeaders = j.WebhookHeaders
	}
	if j.SupportedContent != nil {
		o.SupportedContent = genesys.Reference(*j.SupportedContent)
	}
	if j.MessagingSetting != nil {
		o.MessagingSetting = genesys.Reference(*j.MessagingSetting)
	}
	o.DateModified.Time = now()
}

// status returns how far the creation is.
func (i *integration) status() string {
	switch {
	case i.polls > 0 || time.Now().Before(i.ready):
		return genesys.CreateInitiated
	case i.failing:
		return genesys.CreateFailed
	}
	return genesys.CreateCompleted
}

// show is an integration as answers show it: without its secret.
func (i *integration) show() integrationJSON {
	j := integrationJSON{
		ID: i.ID, Name: i.Name, Status: "Active", URL: i.WebhookURL, WebhookHeaders: i.WebhookHeaders,
		SupportedContent: reference(i.SupportedContent), MessagingSetting: reference(i.MessagingSetting),
		Recipient: &referenceJSON{ID: i.ID}, CreateStatus: i.status(),
		DateCreated: timeText(i.DateCreated), DateModified: timeText(i.DateModified), SelfURI: integrationsPath + "/" + i.ID,
	}
	if j.CreateStatus == genesys.CreateFailed {
		j.CreateError = &apiError{Message: "The integration could not be created.", Code: "internal.server.error", Status: 500}
	}
	return j
}

func reference(r genesys.Reference) *referenceJSON {
	if r.ID == "" {
		return nil
	}
	return &referenceJSON{ID: r.ID}
}

func (s *Simulator) createIntegration(r *request) answer {
	j, problems := s.readIntegration(r.body, true)
	if problems != nil {
		return invalid(problems)
	}
	i := &integration{polls: max(0, s.cfg.CompletionPolls), failing: r.fault.Kind == CreationFails}
	i.ready = time.Now().Add(s.cfg.CompletionDelay)
	i.ID, i.DateCreated.Time = s.dice.id(), now()
	j.apply(&i.OpenMessaging)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.integrations = append(s.integrations, i)
	s.counts.created[kindOpenMessaging]++
	return ok(i.show())
}

func (s *Simulator) listIntegrations(r *request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]integrationJSON, len(s.integrations))
	for n, i := range s.integrations {
		all[n] = i.show()
	}
	return paged(r.URL, all, s.cfg.MaxPageSize)
}

func (s *Simulator) getIntegration(r *request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.integration(r.PathValue("id"))
	if i == nil {
		return notFound()
	}
	a := ok(i.show())
	i.polls = max(0, i.polls-1)
	return a
}

func (s *Simulator) updateIntegration(r *request) answer {
	j, problems := s.readIntegration(r.body, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.integration(r.PathValue("id"))
	switch {
	case i == nil:
		return notFound()
	case problems != nil:
		return invalid(problems)
	}
	j.apply(&i.OpenMessaging)
	return ok(i.show())
}

func (s *Simulator) deleteIntegration(r *request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.integration(r.PathValue("id"))
	if i == nil {
		return notFound()
	}
	s.integrations = slices.DeleteFunc(s.integrations, func(x *integration) bool { return x == i })
	return answer{status: http.StatusNoContent}
}

// integration returns the integration with that id, or nil. The caller holds the lock.
func (s *Simulator) integration(id string) *integration {
	n := slices.IndexFunc(s.integrations, func(i *integration) bool { return i.ID == id })
	if n < 0 {
		return nil
	}
	return s.integrations[n]
}
