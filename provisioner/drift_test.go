package provisioner_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
)

func TestChangesByHandAreReportedAndPutBack(t *testing.T) {
	for _, tt := range []struct {
		name   string
		edit   func(*genesys.Webhook)
		fields []string
	}{
		{"uri and events", func(h *genesys.Webhook) { h.URI, h.Events = "https://evil.example/", []string{"c"} }, []string{"events", "uri"}},
		{"name", func(h *genesys.Webhook) { h.Name = "mine" }, []string{"name"}},
		{"retry policy", func(h *genesys.Webhook) { h.Retry.RetryCount = 0 }, []string{"retryPolicy"}},
		{"disabled", func(h *genesys.Webhook) { h.Enabled = false }, []string{"enabled"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, genesystest.Config{})
			cfg := c.config()
			cfg.Recheck = 200 * time.Millisecond
			c.run(cfg)
			id := c.apply("orders", c.hook("orders", envA, "")).GenesysID
			want := c.only()
			c.sim.EditWebhook(id, tt.edit)
			c.eventually("it is put back", func() bool {
				h := c.only()
				return reflect.DeepEqual(plain(h), plain(want)) && h.Security.SecretKey.Reveal() == want.Security.SecretKey.Reveal()
			})
			c.eventually("the status tells", func() bool {
				s := c.record("orders").Status
				return s.Phase == webhook.PhaseLive && s.Drift != nil && reflect.DeepEqual(s.Drift.Fields, tt.fields)
			})
			if s := c.apply("orders", c.hook("orders", envA, "")); s.Drift != nil {
				t.Errorf("the drift outlives a new message: %+v", s.Drift)
			}
		})
	}
}

// plain returns a webhook without what differs although nobody changed it: when it was written, and its secret, which
// hides itself from comparisons too.
func plain(h genesys.Webhook) genesys.Webhook {
	h.DateModified, h.Security.SecretKey = genesys.Timestamp{}, secret.Text{}
	return h
}

func TestIntegrationChangedByHand(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	cfg := c.config()
	cfg.Recheck = 200 * time.Millisecond
	c.run(cfg)
	id := c.apply("chat", c.messaging("chat", envA, `,"webhookHeaders":{"X-Team":"blue"}`)).GenesysID
	c.sim.EditIntegration(id, func(o *genesys.OpenMessaging) { o.WebhookHeaders = map[string]string{"X-Team": "red", "X-More": "1"} })
	c.eventually("it is put back", func() bool {
		return reflect.DeepEqual(c.onlyIntegration().WebhookHeaders, map[string]string{"X-Team": "blue"})
	})
	c.eventually("the status tells", func() bool {
		s := c.record("chat").Status
		return s.Phase == webhook.PhaseLive && s.Drift != nil && reflect.DeepEqual(s.Drift.Fields, []string{"webhookHeaders"})
	})
	if s := c.sim.State(); s.Calls["UpdateIntegration"] != 1 {
		t.Errorf("calls = %v", s.Calls)
	}
}

func TestDeletedByHandIsCreatedAgain(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	cfg := c.config()
	cfg.Recheck = 200 * time.Millisecond
	c.run(cfg)
	hook := c.apply("orders", c.hook("orders", envA, "")).GenesysID
	chat := c.apply("chat", c.messaging("chat", "generate", "")).GenesysID
	key := c.onlyIntegration().Secret.Reveal()
	c.sim.DeleteByHand(hook)
	c.sim.DeleteByHand(chat)
	for _, name := range []string{"orders", "chat"} {
		c.eventually(name+" is live again", func() bool {
			s := c.record(name).Status
			return s.Phase == webhook.PhaseLive && s.GenesysID != hook && s.GenesysID != chat && s.Drift != nil && reflect.DeepEqual(s.Drift.Fields, []string{"deleted"})
		})
	}
	if !c.only().Enabled || c.onlyIntegration().Secret.Reveal() != key {
		t.Error("the webhook is not enabled, or the integration has another secret")
	}
}

// TestFoundByItsName starts with webhooks that nobody recorded.
func TestFoundByItsName(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	target := c.target + "/orders"
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	made := func(name, uri string) genesys.Webhook {
		at = at.Add(time.Second) // each later than the one before: of two of the same millisecond none is the oldest
		return c.sim.AddWebhook(genesys.Webhook{Name: name, DateCreated: genesys.Timestamp{Time: at}, URI: uri, Events: []string{"z"}, Enabled: true, Security: genesys.Security{SecretKey: secret.New("unknown-0123456789"), SignatureAlgorithm: "HMAC_SHA256"}})
	}
	elsewhere := made("hookproof-orders", "https://elsewhere.example/")
	oldest := made("hookproof-orders", target)
	made("hookproof-orders", target)
	stranger := made("hookproof-others", target)
	c.run(c.config())
	live := c.apply("orders", c.hook("orders", envA, ""))
	var ids []string
	for _, h := range c.sim.State().Webhooks {
		ids = append(ids, h.ID)
	}
	if want := []string{elsewhere.ID, oldest.ID, stranger.ID}; live.GenesysID != oldest.ID || !reflect.DeepEqual(ids, want) {
		t.Errorf("found %s, left %q; want %s and %q", live.GenesysID, ids, oldest.ID, want)
	}
	for _, h := range c.sim.State().Webhooks {
		if h.ID == oldest.ID && (h.Security.SecretKey.Reveal() != "secret-A-0123456789" || !h.Enabled || len(h.Events) != 2) {
			t.Errorf("webhook = %+v", h)
		}
	}
	if s := c.sim.State(); s.Created["webhook"] != 0 {
		t.Errorf("created = %v", s.Created)
	}
}

// TestASecondOneIsRemoved has a second webhook come about after the first was recorded, as a creation that was late does.
func TestASecondOneIsRemoved(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.run(c.config())
	live := c.apply("orders", c.hook("orders", envA, ""))
	second := c.only()
	second.Enabled = false
	c.sim.AddWebhook(second)
	c.apply("orders", c.hook("orders", envA, "")) // it is not looked for each time
	if n := len(c.sim.State().Webhooks); n != 2 {
		t.Fatalf("webhooks = %d, want 2", n)
	}
	c.ahead.Store(int64(2 * time.Hour))
	c.apply("orders", c.hook("orders", envA, ""))
	if h := c.only(); h.ID != live.GenesysID {
		t.Errorf("kept %s, want the recorded %s", h.ID, live.GenesysID)
	}
}

func TestCreationOfAnIntegrationFails(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.sim.Inject(genesystest.Fault{Op: "CreateIntegration", Kind: genesystest.CreationFails})
	cfg := c.config()
	cfg.Recheck = time.Hour
	c.run(cfg)
	s := c.await(c.publish("chat", c.messaging("chat", envA, "")), webhook.PhaseFailed)
	if want := "could not be created"; len(s.Error) == 0 || s.GenesysID == "" {
		t.Errorf("status = %+v, want %q", s, want)
	}
	c.ahead.Store(int64(time.Hour))
	c.eventually("it is created at the recheck", func() bool { return c.record("chat").Status.Phase == webhook.PhaseLive })
	c.onlyIntegration()
	if s := c.sim.State(); s.Created["open-messaging"] != 2 || s.Calls["DeleteIntegration"] != 1 {
		t.Errorf("state = %+v", s)
	}
}
