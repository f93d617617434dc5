package genesystest

import (
	"maps"
	"slices"

	"github.com/hookproof/hookproof/pkg/genesys"
)

// EditWebhook changes a webhook as somebody does in the administration pages, past the API. It reports whether there is
// such a webhook. The function must not call the Simulator.
func (s *Simulator) EditWebhook(id string, edit func(*genesys.Webhook)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.webhook(id)
	if w == nil {
		return false
	}
	edit(w)
	w.DateModified.Time = now()
	return true
}

// EditIntegration is EditWebhook for an Open Messaging integration.
func (s *Simulator) EditIntegration(id string, edit func(*genesys.OpenMessaging)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.integration(id)
	if i == nil {
		return false
	}
	edit(&i.OpenMessaging)
	i.DateModified.Time = now()
	return true
}

// AddWebhook creates a webhook past the API, such as the second one of a name, and returns it with its id. It is created
// now unless it says when. It does not count as a creation.
func (s *Simulator) AddWebhook(w genesys.Webhook) genesys.Webhook {
	w = cloneWebhook(w)
	w.ID, w.DateModified.Time = s.dice.id(), now()
	if w.DateCreated.IsZero() {
		w.DateCreated.Time = now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhooks = append(s.webhooks, &w)
	return cloneWebhook(w)
}

// AddIntegration is AddWebhook for an Open Messaging integration, whose creation is complete.
func (s *Simulator) AddIntegration(o genesys.OpenMessaging) genesys.OpenMessaging {
	i := &integration{OpenMessaging: o}
	i.ID, i.DateCreated.Time, i.DateModified.Time = s.dice.id(), now(), now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.integrations = append(s.integrations, i)
	return i.observed()
}

// DeleteByHand removes a webhook or an integration past the API and reports whether it was there.
func (s *Simulator) DeleteByHand(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.webhooks) + len(s.integrations)
	s.webhooks = slices.DeleteFunc(s.webhooks, func(w *genesys.Webhook) bool { return w.ID == id })
	s.integrations = slices.DeleteFunc(s.integrations, func(i *integration) bool { return i.ID == id })
	return len(s.webhooks)+len(s.integrations) < before
}

func cloneWebhook(w genesys.Webhook) genesys.Webhook {
	w.Events = slices.Clone(w.Events)
	w.Security.IPWhitelist = slices.Clone(w.Security.IPWhitelist)
	return w
}

// observed is a copy that tells how far the creation is.
func (i *integration) observed() genesys.OpenMessaging {
	o := i.OpenMessaging
	o.WebhookHeaders = maps.Clone(o.WebhookHeaders)
	o.Status, o.CreateStatus = "Active", i.status()
	return o
}
