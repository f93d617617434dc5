package provisioner

import (
	"context"
	"maps"

	"github.com/hookproof/hookproof/pkg/genesys"
)

// integrations are those of Open Messaging. A change is a PATCH of what differs; there is no test and no switch, an
// integration sends as soon as it is created.
type integrations struct{ client *genesys.Client }

// Names of an integration's fields.
const (
	fieldName             = "name"
	fieldWebhookURL       = "outboundNotificationWebhookUrl"
	fieldWebhookHeaders   = "webhookHeaders"
	fieldSupportedContent = "supportedContent"
	fieldMessagingSetting = "messagingSetting"
)

// fields leaves profiles that the wish does not name to the organisation's default.
func (integrations) fields(w wish) fields {
	f := integrationFields(integration(w))
	if w.SupportedContentID == "" {
		delete(f, fieldSupportedContent)
	}
	if w.MessagingSettingID == "" {
		delete(f, fieldMessagingSetting)
	}
	return f
}

func integrationFields(o genesys.OpenMessaging) fields {
	headers := map[string]string{}
	maps.Copy(headers, o.WebhookHeaders)
	return fields{
		fieldName: value(o.Name), fieldWebhookURL: value(o.WebhookURL), fieldWebhookHeaders: value(headers),
		fieldSupportedContent: value(o.SupportedContent.ID), fieldMessagingSetting: value(o.MessagingSetting.ID),
	}
}

// integration returns the whole integration, as it is created.
func integration(w wish) genesys.OpenMessaging {
	return genesys.OpenMessaging{
		Name: w.DisplayName(), WebhookURL: w.TargetURI, Secret: w.secret, WebhookHeaders: w.WebhookHeaders,
		SupportedContent: genesys.Reference{ID: w.SupportedContentID}, MessagingSetting: genesys.Reference{ID: w.MessagingSettingID},
	}
}

func integrationEntity(o genesys.OpenMessaging) entity {
	failed := o.CreateStatus == genesys.CreateFailed
	pending := o.CreateStatus == genesys.CreateInitiated
	return entity{id: o.ID, name: o.Name, target: o.WebhookURL, created: o.DateCreated.Time, enabled: !failed && !pending,
		pending: pending, failed: failed, fields: integrationFields(o)}
}

func (r integrations) get(ctx context.Context, id string) (entity, error) {
	o, err := r.client.GetIntegration(ctx, id)
	return integrationEntity(o), err
}

func (r integrations) list(ctx context.Context) ([]entity, error) {
	all, err := r.client.ListIntegrations(ctx)
	var out []entity
	for _, o := range all {
		out = append(out, integrationEntity(o))
	}
	return oldestFirst(out), err
}

func (r integrations) create(ctx context.Context, w wish) (entity, error) {
	o, err := r.client.CreateIntegration(ctx, integration(w))
	return integrationEntity(o), err
}

// change sends the name in any case: the API requires it in a PATCH too.
func (r integrations) change(ctx context.Context, id string, w wish, names []string) (entity, error) {
	whole, part := integration(w), genesys.OpenMessaging{ID: id, Name: w.DisplayName()}
	for _, name := range names {
		switch name {
		case fieldSecret:
			part.Secret = whole.Secret
		case fieldWebhookURL:
			part.WebhookURL = whole.WebhookURL
		case fieldWebhookHeaders:
			part.WebhookHeaders = map[string]string{} // removes what is not in the wish
			maps.Copy(part.WebhookHeaders, whole.WebhookHeaders)
		case fieldSupportedContent:
			part.SupportedContent = whole.SupportedContent
		case fieldMessagingSetting:
			part.MessagingSetting = whole.MessagingSetting
		}
	}
	o, err := r.client.UpdateIntegration(ctx, part)
	return integrationEntity(o), err
}

func (r integrations) remove(ctx context.Context, id string) error {
	return r.client.DeleteIntegration(ctx, id)
}
