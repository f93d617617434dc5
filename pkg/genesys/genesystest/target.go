package genesystest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/secret"
)

// target is what a delivery needs to know of a webhook, copied when the event happens.
type target struct {
	kind, id, name, uri string
	secret              secret.Text
	events              []string
	headers             map[string]string
	retries             int
	delay               time.Duration
	active              bool // events are sent
}

// Open Messaging repeats a delivery up to 5 times, 5 s apart
// (https://developer.genesys.cloud/commdigital/digital/openmessaging/).
const (
	openMessagingRetries = 5
	openMessagingDelay   = 5 * time.Second
)

func webhookTarget(w genesys.Webhook) target {
	return target{
		kind: kindWebhook, id: w.ID, name: w.Name, uri: w.URI, secret: w.Security.SecretKey, events: w.Events,
		retries: w.Retry.RetryCount, delay: time.Duration(w.Retry.RetryDelaySeconds) * time.Second, active: w.Enabled,
	}
}

func integrationTarget(o genesys.OpenMessaging) target {
	return target{
		kind: kindOpenMessaging, id: o.ID, name: o.Name, uri: o.WebhookURL, secret: o.Secret, headers: o.WebhookHeaders,
		retries: openMessagingRetries, delay: openMessagingDelay, active: o.CreateStatus == genesys.CreateCompleted,
	}
}

// targets returns every webhook and integration.
func (s *Simulator) targets() []target {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []target
	for _, w := range s.webhooks {
		all = append(all, webhookTarget(cloneWebhook(*w)))
	}
	for _, i := range s.integrations {
		all = append(all, integrationTarget(i.observed()))
	}
	if s.cfg.RetryDelay > 0 {
		for i := range all {
			all[i].delay = s.cfg.RetryDelay
		}
	}
	return all
}

// post makes one attempt and returns the status, or 0 if there was no answer in time.
func (s *Simulator) post(ctx context.Context, uri string, e signed) int {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.AttemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, bytes.NewReader(e.body))
	if err != nil {
		return 0
	}
	req.Header = e.header.Clone()
	res, err := s.target.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	return res.StatusCode
}
