package genesys

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hookproof/hookproof/pkg/secret"
)

// SignatureAlgorithm is the only one that a Webhook signs with: HMAC-SHA256 over the raw body.
const SignatureAlgorithm = "HMAC_SHA256"

const (
	webhooksPath = "/api/v2/integrations/webhooks"
	webhookPath  = webhooksPath + "/{id}"
	testPath     = webhookPath + "/test"

	webhookRead    = "integrations:webhook:read"
	webhookWrite   = "integrations:webhook:write"
	webhookExecute = "integrations:webhook:execute"
)

// Webhook is a webhook of /api/v2/integrations/webhooks, desired or observed. Encoded as JSON it never holds its secret.
type Webhook struct {
	// ID is given by Genesys Cloud; empty before creation.
	ID string `json:"id,omitempty"`
	// Name need not be unique for Genesys Cloud.
	Name string `json:"name"`
	// URI is where events are sent.
	URI string `json:"uri"`
	// Events are the topics that are sent.
	Events []string `json:"events"`
	// Enabled says whether events are sent; a disabled webhook can still be tested.
	Enabled bool `json:"enabled"`
	// Security says how events are signed.
	Security Security `json:"securityConfiguration"`
	// Retry says what happens to an event that was not accepted.
	Retry RetryPolicy `json:"retryPolicy"`
	// DateCreated and DateModified are Genesys Cloud's; zero if it did not tell.
	DateCreated  Timestamp `json:"dateCreated,omitzero"`
	DateModified Timestamp `json:"dateModified,omitzero"`
}

// Security is a webhook's securityConfiguration.
type Security struct {
	// SecretKey keys the HMAC. It is write-only: in an observed webhook it is empty.
	SecretKey secret.Text `json:"-"`
	// SignatureAlgorithm is SignatureAlgorithm; empty means that in a request.
	SignatureAlgorithm string `json:"signatureAlgorithm"`
	// IPWhitelist are CIDRs.
	IPWhitelist []string `json:"ipWhitelist"`
	// RateLimit bounds what is sent; the zero value means no bound of its own.
	RateLimit RateLimit `json:"rateLimit,omitzero"`
}

// RateLimit bounds a webhook's deliveries.
type RateLimit struct {
	MaxRequestsPerSecond int `json:"maxRequestsPerSecond"`
	BurstSize            int `json:"burstSize"`
}

// RetryPolicy says how often a delivery is repeated, and how many seconds apart.
type RetryPolicy struct {
	RetryCount        int `json:"retryCount"`
	RetryDelaySeconds int `json:"retryDelaySeconds"`
}

// webhookBody is a Webhook as it is sent, with its secret.
type webhookBody struct {
	Webhook
	Security securityBody `json:"securityConfiguration"`
}

type securityBody struct {
	SecretKey string `json:"secretKey"`
	Security
}

func (w Webhook) body() webhookBody {
	w.ID, w.DateCreated, w.DateModified = "", Timestamp{}, Timestamp{}
	w.Events = append([]string{}, w.Events...) // [] rather than null
	s := w.Security
	s.IPWhitelist = append([]string{}, s.IPWhitelist...)
	s.SignatureAlgorithm = orDefault(s.SignatureAlgorithm, SignatureAlgorithm)
	return webhookBody{Webhook: w, Security: securityBody{SecretKey: s.SecretKey.Reveal(), Security: s}}
}

// CreateWebhook creates a webhook and returns it with its id. It is never repeated when the outcome is unknown: then the
// error is Ambiguous, and FindWebhooksByName tells. It needs integrations:webhook:write.
func (c *Client) CreateWebhook(ctx context.Context, w Webhook) (Webhook, error) {
	w.ID = ""
	return c.putWebhook(ctx, operation{name: "CreateWebhook", method: http.MethodPost, path: webhooksPath, permission: webhookWrite}, w)
}

// GetWebhook returns a webhook. It needs integrations:webhook:read.
func (c *Client) GetWebhook(ctx context.Context, id string) (Webhook, error) {
	op := operation{name: "GetWebhook", method: http.MethodGet, path: webhookPath, permission: webhookRead, repeatable: true}
	return fetch(ctx, c, call{operation: op, id: id}, Webhook.identified)
}

// UpdateWebhook replaces the webhook w.ID as a whole (PUT), its secret included: w must hold it. It needs
// integrations:webhook:write.
func (c *Client) UpdateWebhook(ctx context.Context, w Webhook) (Webhook, error) {
	op := operation{name: "UpdateWebhook", method: http.MethodPut, path: webhookPath, permission: webhookWrite, repeatable: true}
	return c.putWebhook(ctx, op, w)
}

// putWebhook sends a whole webhook. One without a secret is refused here: it would send events that nobody can verify.
func (c *Client) putWebhook(ctx context.Context, op operation, w Webhook) (Webhook, error) {
	if w.Security.SecretKey.Len() == 0 {
		return Webhook{}, fmt.Errorf("genesys: %s: the webhook has no secret: %w", op.name, ErrInvalid)
	}
	return fetch(ctx, c, call{operation: op, id: w.ID, body: w.body(), secret: w.Security.SecretKey}, Webhook.identified)
}

// DeleteWebhook removes a webhook. One that is not there is an Error that IsNotFound, unless this very call deleted it and
// lost the first answer. It needs integrations:webhook:write.
func (c *Client) DeleteWebhook(ctx context.Context, id string) error {
	op := operation{name: "DeleteWebhook", method: http.MethodDelete, path: webhookPath, permission: webhookWrite, repeatable: true}
	return c.do(ctx, call{operation: op, id: id})
}

// ListWebhooks returns every webhook of the organisation, in Genesys Cloud's order. It needs integrations:webhook:read.
func (c *Client) ListWebhooks(ctx context.Context) ([]Webhook, error) {
	op := operation{name: "ListWebhooks", method: http.MethodGet, path: webhooksPath, permission: webhookRead, repeatable: true}
	return list(ctx, c, op, func(w Webhook) string { return w.ID })
}

// FindWebhooksByName returns the webhooks with exactly that name, the oldest first; none is no error. It needs
// integrations:webhook:read.
func (c *Client) FindWebhooksByName(ctx context.Context, name string) ([]Webhook, error) {
	all, err := c.ListWebhooks(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(w Webhook) bool { return w.Name != name })
	slices.SortFunc(all, func(a, b Webhook) int {
		return cmp.Or(a.DateCreated.Compare(b.DateCreated.Time), strings.Compare(a.ID, b.ID))
	})
	return all, nil
}

func (w Webhook) identified() bool { return validID(w.ID) }

// TestResult is the outcome of a connectivity test.
type TestResult struct {
	// Status is "success" if the target accepted the test event.
	Status string `json:"status"`
	// Message is Genesys Cloud's explanation, in its words.
	Message string `json:"message"`
	// Timestamp is when the test ran; zero if Genesys Cloud did not tell.
	Timestamp Timestamp `json:"timestamp,omitzero"`
}

// Succeeded reports whether the target accepted the test event.
func (r TestResult) Succeeded() bool { return r.Status == "success" }

// TestWebhook makes Genesys Cloud send a signed test event to the webhook's URI and returns how that went; a target that
// refuses it is a result, not an error. A test changes nothing, so it is repeated like a read: the target may see more
// than one. It needs integrations:webhook:execute.
func (c *Client) TestWebhook(ctx context.Context, id string) (TestResult, error) {
	op := operation{name: "TestWebhook", method: http.MethodPost, path: testPath, permission: webhookExecute, repeatable: true}
	return fetch(ctx, c, call{operation: op, id: id}, func(r TestResult) bool { return r.Status != "" })
}
