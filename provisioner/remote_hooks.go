package provisioner

import (
	"context"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// hooks are the webhooks of /api/v2/integrations/webhooks. A change there is a PUT of the whole, secret included.
type hooks struct{ client *genesys.Client }

func (hooks) fields(w wish) fields { return hookFields(hook(w)) }

func hookFields(h genesys.Webhook) fields {
	return fields{
		"name": value(h.Name), "uri": value(h.URI), "events": value(sorted(h.Events)),
		"securityConfiguration.signatureAlgorithm": value(h.Security.SignatureAlgorithm),
		"securityConfiguration.ipWhitelist":        value(sorted(h.Security.IPWhitelist)),
		"securityConfiguration.rateLimit":          value(h.Security.RateLimit),
		"retryPolicy":                              value(h.Retry),
	}
}

// hook returns the whole webhook, as it is created or replaced.
func hook(w wish) genesys.Webhook {
	h := genesys.Webhook{Name: w.DisplayName(), URI: w.TargetURI, Events: w.Events, Enabled: w.enabled,
		Security: genesys.Security{SecretKey: w.secret, SignatureAlgorithm: genesys.SignatureAlgorithm},
		Retry:    genesys.RetryPolicy(webhook.DefaultRetryPolicy())}
	for _, p := range w.allowlist {
		h.Security.IPWhitelist = append(h.Security.IPWhitelist, p.String())
	}
	if r := w.Route(nil); r.Rate > 0 {
		h.Security.RateLimit = genesys.RateLimit{MaxRequestsPerSecond: int(r.Rate), BurstSize: r.Burst}
	}
	if w.RetryPolicy != nil {
		h.Retry = genesys.RetryPolicy(*w.RetryPolicy)
	}
	return h
}

func hookEntity(h genesys.Webhook) entity {
	return entity{id: h.ID, name: h.Name, target: h.URI, created: h.DateCreated.Time, enabled: h.Enabled, fields: hookFields(h)}
}

func (r hooks) get(ctx context.Context, id string) (entity, error) {
	h, err := r.client.GetWebhook(ctx, id)
	return hookEntity(h), err
}

func (r hooks) list(ctx context.Context) ([]entity, error) {
	all, err := r.client.ListWebhooks(ctx)
	var out []entity
	for _, h := range all {
		out = append(out, hookEntity(h))
	}
	return oldestFirst(out), err
}

func (r hooks) create(ctx context.Context, w wish) (entity, error) {
	h, err := r.client.CreateWebhook(ctx, hook(w))
	return hookEntity(h), err
}

func (r hooks) change(ctx context.Context, id string, w wish, _ []string) (entity, error) {
	whole := hook(w)
	whole.ID = id
	h, err := r.client.UpdateWebhook(ctx, whole)
	return hookEntity(h), err
}

func (r hooks) remove(ctx context.Context, id string) error { return r.client.DeleteWebhook(ctx, id) }
