package genesys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hookproof/hookproof/pkg/secret"
)

// MinSecret is the shortest secret that an Open Messaging integration accepts, in characters.
const MinSecret = 16

const (
	integrationsPath = "/api/v2/conversations/messaging/integrations/open"
	integrationPath  = integrationsPath + "/{id}"

	integrationView   = "messaging:integration:view"
	integrationAdd    = "messaging:integration:add"
	integrationEdit   = "messaging:integration:edit"
	integrationDelete = "messaging:integration:delete"
)

// OpenMessaging is an Open Messaging integration, desired or observed. Encoded as JSON it never holds its secret.
// Its fields are those of
// https://developer.genesys.cloud/devapps/api-explorer#post-api-v2-conversations-messaging-integrations-open.
type OpenMessaging struct {
	// ID is given by Genesys Cloud; empty before creation.
	ID string `json:"id,omitempty"`
	// Name need not be unique for Genesys Cloud.
	Name string `json:"name,omitempty"`
	// WebhookURL is where outbound messages are sent: https on port 443.
	WebhookURL string `json:"outboundNotificationWebhookUrl,omitempty"`
	// Secret keys the HMAC; at least MinSecret characters. It is write-only: in an observed integration it is empty.
	Secret secret.Text `json:"-"`
	// WebhookHeaders are added to every delivery; nil leaves them alone in an update, an empty map removes them.
	WebhookHeaders map[string]string `json:"webhookHeaders,omitzero"`
	// SupportedContent and MessagingSetting name profiles of the organisation; zero means its default.
	SupportedContent Reference `json:"supportedContent,omitzero"`
	MessagingSetting Reference `json:"messagingSetting,omitzero"`
	// Status is Genesys Cloud's, such as "Active".
	Status string `json:"status,omitempty"`
	// CreateStatus is Initiated, Completed or Error.
	CreateStatus string `json:"createStatus,omitempty"`
	// CreateError says why CreateStatus is Error.
	CreateError CreateError `json:"createError,omitzero"`
	// DateCreated and DateModified are Genesys Cloud's; zero if it did not tell.
	DateCreated  Timestamp `json:"dateCreated,omitzero"`
	DateModified Timestamp `json:"dateModified,omitzero"`
}

// Reference names another entity.
type Reference struct {
	ID string `json:"id"`
}

// CreateError is the server's reason for a creation that failed.
type CreateError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Values of OpenMessaging.CreateStatus.
const (
	CreateInitiated = "Initiated"
	CreateCompleted = "Completed"
	CreateFailed    = "Error"
)

// Validate reports everything that Genesys Cloud would refuse in a creation, before a call is spent on it. Its error
// wraps ErrInvalid.
func (o OpenMessaging) Validate() error {
	var errs []error
	if o.Name == "" {
		errs = append(errs, errors.New("name: missing"))
	}
	if err := CheckTarget(o.WebhookURL); err != nil {
		errs = append(errs, fmt.Errorf("outboundNotificationWebhookUrl: %w", err))
	}
	if n := utf8.RuneCountInString(o.Secret.Reveal()); n < MinSecret {
		errs = append(errs, fmt.Errorf("secret: it has %d characters, at least %d are needed", n, MinSecret))
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrInvalid, errors.Join(errs...))
}

// CheckTarget reports a target that Open Messaging does not send to: it must be https on port 443.
func CheckTarget(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Hostname() == "":
		return errors.New("not an absolute URL")
	case u.Scheme != "https":
		return fmt.Errorf("the scheme is %.16q, only https is accepted", u.Scheme)
	case u.Port() != "" && u.Port() != "443":
		return fmt.Errorf("the port is %.8q, only 443 is accepted", u.Port())
	}
	return nil
}

// openMessagingBody is an OpenMessaging as it is sent, with its secret.
type openMessagingBody struct {
	OpenMessaging
	Secret string `json:"outboundNotificationWebhookSignatureSecretToken,omitempty"`
}

func (o OpenMessaging) body() openMessagingBody {
	o.ID, o.Status, o.CreateStatus, o.CreateError = "", "", "", CreateError{}
	o.DateCreated, o.DateModified = Timestamp{}, Timestamp{}
	return openMessagingBody{OpenMessaging: o, Secret: o.Secret.Reveal()}
}

// CreateIntegration starts the creation of an integration and returns it with its id; WaitIntegration sees it through. It
// is never repeated when the outcome is unknown: then the error is Ambiguous, and FindIntegrationsByName tells. It needs
// messaging:integration:add.
func (c *Client) CreateIntegration(ctx context.Context, o OpenMessaging) (OpenMessaging, error) {
	op := operation{name: "CreateIntegration", method: http.MethodPost, path: integrationsPath, permission: integrationAdd}
	return fetch(ctx, c, call{operation: op, body: o.body(), secret: o.Secret}, OpenMessaging.identified)
}

// GetIntegration returns an integration. It needs messaging:integration:view.
func (c *Client) GetIntegration(ctx context.Context, id string) (OpenMessaging, error) {
	op := operation{name: "GetIntegration", method: http.MethodGet, path: integrationPath, permission: integrationView, repeatable: true}
	return fetch(ctx, c, call{operation: op, id: id}, OpenMessaging.identified)
}

// UpdateIntegration changes the integration o.ID (PATCH); zero fields stay as they are. A secret replaces the old one at
// once, so the receiver must accept both before. It needs messaging:integration:edit.
func (c *Client) UpdateIntegration(ctx context.Context, o OpenMessaging) (OpenMessaging, error) {
	op := operation{name: "UpdateIntegration", method: http.MethodPatch, path: integrationPath, permission: integrationEdit, repeatable: true}
	return fetch(ctx, c, call{operation: op, id: o.ID, body: o.body(), secret: o.Secret}, OpenMessaging.identified)
}

// DeleteIntegration removes an integration. One that is not there is an Error that IsNotFound, unless this very call
// deleted it and lost the first answer. It needs messaging:integration:delete.
func (c *Client) DeleteIntegration(ctx context.Context, id string) error {
	op := operation{name: "DeleteIntegration", method: http.MethodDelete, path: integrationPath, permission: integrationDelete, repeatable: true}
	return c.do(ctx, call{operation: op, id: id})
}

// ListIntegrations returns every Open Messaging integration of the organisation, in Genesys Cloud's order. It needs
// messaging:integration:view.
func (c *Client) ListIntegrations(ctx context.Context) ([]OpenMessaging, error) {
	op := operation{name: "ListIntegrations", method: http.MethodGet, path: integrationsPath, permission: integrationView, repeatable: true}
	return list(ctx, c, op, func(o OpenMessaging) string { return o.ID })
}

// FindIntegrationsByName returns the integrations with exactly that name, the oldest first; none is no error. It needs
// messaging:integration:view.
func (c *Client) FindIntegrationsByName(ctx context.Context, name string) ([]OpenMessaging, error) {
	all, err := c.ListIntegrations(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(o OpenMessaging) bool { return o.Name != name })
	slices.SortFunc(all, func(a, b OpenMessaging) int {
		return cmp.Or(a.DateCreated.Compare(b.DateCreated.Time), strings.Compare(a.ID, b.ID))
	})
	return all, nil
}

func (o OpenMessaging) identified() bool { return validID(o.ID) }
