package genesystest

import (
	"fmt"
	"time"
)

// testWebhook sends a signed test event to the webhook's URI, once, whether or not the webhook is enabled.
func (s *Simulator) testWebhook(r *request) answer {
	s.mu.Lock()
	w := s.webhook(r.PathValue("id"))
	if w == nil {
		s.mu.Unlock()
		return notFound()
	}
	t := webhookTarget(cloneWebhook(*w))
	s.mu.Unlock()
	at, id := time.Now(), s.dice.id()
	status := s.post(r.Context(), t.uri, t.sign(id, s.notification(t, id, "webhook.test", at), at))
	result := testJSON{Status: "success", Message: fmt.Sprintf("The target answered %d.", status), Timestamp: now().Format(milliseconds)}
	if status/100 != 2 {
		result.Status = "failure"
	}
	if status == 0 {
		result.Message = fmt.Sprintf("The target did not answer within %v.", s.cfg.AttemptTimeout)
	}
	s.mu.Lock()
	s.counts.tests[result.Status]++
	s.mu.Unlock()
	return ok(result)
}

// testJSON is the outcome of a connectivity test on the wire.
type testJSON struct {
	Status    string `json:"status"`
	Message   string `json:"message"`
	Timestamp string `json:"timestamp"`
}
