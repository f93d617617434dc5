package provisioner_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
)

func TestWebhookIsCreatedTestedAndEnabled(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	var atTest []bool // whether the policy and route were there, and events were not yet sent
	c.target = listen(t, func(http.ResponseWriter, *http.Request) {
		_, policies := c.policy("orders")
		_, routes := c.route("orders")
		atTest = append(atTest, policies > 0 && routes > 0 && !c.only().Enabled)
	})
	c.run(c.config())
	live := c.apply("orders", c.hook("orders", envA, `,"allowlist":["203.0.113.0/24"],"rateLimit":{"maxRequestsPerSecond":50},"retryPolicy":{"retryCount":3,"retryDelaySeconds":7}`))

	h := c.only()
	want := genesys.Webhook{ID: live.GenesysID, Name: "hookproof-orders", URI: c.target + "/orders", Events: []string{"b.y", "a.x"}, Enabled: true,
		Security: genesys.Security{SignatureAlgorithm: "HMAC_SHA256", IPWhitelist: []string{"203.0.113.0/24"}, RateLimit: genesys.RateLimit{MaxRequestsPerSecond: 50, BurstSize: 50}},
		Retry:    genesys.RetryPolicy{RetryCount: 3, RetryDelaySeconds: 7}, DateCreated: h.DateCreated, DateModified: h.DateModified}
	if h.Security.SecretKey.Reveal() != "secret-A-0123456789" {
		t.Error("Genesys Cloud has another secret")
	}
	if h.Security.SecretKey = (secret.Text{}); !reflect.DeepEqual(h, want) {
		t.Errorf("webhook = %+v\nwant %+v", h, want)
	}
	if !reflect.DeepEqual(atTest, []bool{true}) {
		t.Errorf("tests of the target with policy and route written and the webhook disabled = %v, want [true]", atTest)
	}
	if got, want := stepNames(live), []string{"policy", "route", "create", "test", "enable"}; !reflect.DeepEqual(got, want) {
		t.Errorf("steps = %q, want %q", got, want)
	}
	if live.Test == nil || !live.Test.Succeeded || live.Test.Message != "The target answered 200." || len(live.Secrets) != 1 || !live.Secrets[0].InGenesys || live.Secrets[0].Epoch != 1 {
		t.Errorf("status = %+v", live)
	}
	if s := c.sim.State(); s.Calls["CreateWebhook"] != 1 || s.Calls["UpdateWebhook"] != 1 || s.Calls["TestWebhook"] != 1 || s.Calls["ListWebhooks"] != 1 || s.Calls["GetWebhook"] != 0 {
		t.Errorf("calls = %v", s.Calls)
	}
}

func TestIntegrationIsCreatedAndCompleted(t *testing.T) {
	c := newCloud(t, genesystest.Config{CompletionPolls: 3})
	c.run(c.config())
	live := c.apply("chat", c.messaging("chat", envA, `,"webhookHeaders":{"X-Team":"blue"},"supportedContentId":"content-1","name":"Chat"`))
	o := c.onlyIntegration()
	if o.ID != live.GenesysID || o.Name != "Chat" || o.WebhookURL != c.target+"/chat" || o.WebhookHeaders["X-Team"] != "blue" ||
		o.SupportedContent.ID != "content-1" || o.MessagingSetting.ID != "" || o.Secret.Reveal() != "secret-A-0123456789" {
		t.Errorf("integration = %+v", o)
	}
	if got, want := stepNames(live), []string{"policy", "route", "create", "complete"}; !reflect.DeepEqual(got, want) {
		t.Errorf("steps = %q, want %q", got, want)
	}
	if p, _ := c.policy("chat"); p.Scheme.Name != "genesys-open-messaging" {
		t.Errorf("scheme = %s", p.Scheme.Name)
	}
	if s := c.sim.State(); s.Calls["CreateIntegration"] != 1 || s.Calls["UpdateIntegration"] != 0 {
		t.Errorf("calls = %v", s.Calls)
	}
}

// TestTheSameMessageTwiceWritesNothing also restarts in between: a restart knows which secret it sent.
func TestTheSameMessageTwiceWritesNothing(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	stop := c.run(c.config())
	messages := map[string]string{"orders": c.hook("orders", envA, ""), "chat": c.messaging("chat", "generate", `,"webhookHeaders":{"X-Team":"blue"}`)}
	for name, m := range messages {
		c.apply(name, m)
	}
	before := c.sim.State()
	for name, m := range messages {
		if s := c.apply(name, m); len(s.Steps) != 0 {
			t.Errorf("%s: steps of the second time = %q", name, stepNames(s))
		}
	}
	stop()
	c.run(c.config())
	for name, m := range messages {
		c.apply(name, m)
	}
	after := c.sim.State()
	if writes(after) != writes(before) || after.Calls["GetWebhook"] == before.Calls["GetWebhook"] {
		t.Errorf("calls = %v, before %v", after.Calls, before.Calls)
	}
}

// TestLeastChange changes one field of each kind.
func TestLeastChange(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.run(c.config())
	c.apply("orders", c.hook("orders", envA, ""))
	c.apply("chat", c.messaging("chat", envB, `,"webhookHeaders":{"X-Team":"blue"}`))
	before := c.sim.State()
	hook := c.apply("orders", c.hook("orders", envA, `,"retryPolicy":{"retryCount":1,"retryDelaySeconds":2}`))
	chat := c.apply("chat", c.messaging("chat", envB, ""))
	after := c.sim.State()
	if after.Calls["UpdateWebhook"]-before.Calls["UpdateWebhook"] != 1 || after.Calls["UpdateIntegration"]-before.Calls["UpdateIntegration"] != 1 || writes(after)-writes(before) != 2 {
		t.Errorf("calls = %v, before %v", after.Calls, before.Calls)
	}
	if h := c.only(); h.Retry.RetryCount != 1 || !h.Enabled || h.Security.SecretKey.Reveal() != "secret-A-0123456789" {
		t.Errorf("webhook = %+v", h)
	}
	if o := c.onlyIntegration(); len(o.WebhookHeaders) != 0 || o.Secret.Reveal() != "secret-B-0123456789" {
		t.Errorf("integration = %+v", o)
	}
	for _, s := range []webhook.Status{hook, chat} {
		if got := stepNames(s); !reflect.DeepEqual(got, []string{"update"}) || s.Drift != nil {
			t.Errorf("%s: steps %q, drift %v", s.Webhook, got, s.Drift)
		}
	}
}

// TestANewTargetIsTestedFirst asserts that no event goes to a target that was not tested.
func TestANewTargetIsTestedFirst(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.run(c.config())
	c.apply("orders", c.hook("orders", envA, ""))
	c.target = listen(t, func(w http.ResponseWriter, _ *http.Request) {
		if c.only().Enabled {
			t.Error("the new target is enabled before it was tested")
		}
	})
	live := c.apply("orders", c.hook("orders", envA, ""))
	if h := c.only(); !h.Enabled || h.URI != c.target+"/orders" {
		t.Errorf("webhook = %+v", h)
	}
	if got, want := stepNames(live), []string{"update", "test", "enable"}; !reflect.DeepEqual(got, want) {
		t.Errorf("steps = %q, want %q", got, want)
	}
}

func TestATargetThatFailsItsTestStaysDisabled(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.answer.Store(http.StatusNotFound)
	cfg := c.config()
	cfg.Backoff, cfg.MaxBackoff, cfg.Recheck = 5*time.Millisecond, 10*time.Millisecond, 300*time.Millisecond
	c.run(cfg)
	seq := c.publish("orders", c.hook("orders", envA, ""))
	waiting := c.await(seq, webhook.PhaseWaiting)
	if !strings.Contains(waiting.Error, "The target answered 404") || !strings.Contains(waiting.Error, "stays disabled") || waiting.Test == nil || waiting.Test.Succeeded {
		t.Errorf("status = %+v", waiting)
	}
	c.await(seq, webhook.PhaseFailed)
	if h := c.only(); h.Enabled {
		t.Errorf("webhook = %+v", h)
	}
	if n := c.sim.State().Tests["failure"]; n < 5 {
		t.Errorf("failed tests = %d, want at least 5", n)
	}
	c.answer.Store(http.StatusOK) // the recheck finds out
	c.await(seq, webhook.PhaseLive)
	if h := c.only(); !h.Enabled || c.sim.State().Created["webhook"] != 1 {
		t.Errorf("webhook = %+v", h)
	}
}

func TestAbsentDeletesInGenesysCloud(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.run(c.config())
	c.apply("orders", c.hook("orders", envA, ""))
	c.apply("chat", c.messaging("chat", "generate", ""))
	for _, name := range []string{"orders", "chat"} {
		removed := c.await(c.publish(name, `{"webhook":"`+name+`","state":"absent"}`), webhook.PhaseRemoved)
		if got := stepNames(removed); len(got) < 2 || got[0] != "delete in Genesys Cloud" || got[1] != "remove route" || removed.GenesysID != "" {
			t.Errorf("%s: steps %q, status %+v", name, got, removed)
		}
		if _, revision := c.policy(name); revision != 0 {
			t.Errorf("%s: the policy is still there", name)
		}
		if o := c.record(name).Observed; o.Generated.Ref != "" || o.Genesys.Kind != "" || len(o.Epochs) != 0 {
			t.Errorf("%s: the record keeps %+v", name, o)
		}
	}
	if s := c.sim.State(); len(s.Webhooks)+len(s.Integrations) != 0 || s.Calls["DeleteWebhook"] != 1 || s.Calls["DeleteIntegration"] != 1 {
		t.Errorf("state = %+v", s)
	}
	before := c.sim.State()
	c.await(c.publish("orders", `{"webhook":"orders","state":"absent"}`), webhook.PhaseRemoved)
	if after := c.sim.State(); !reflect.DeepEqual(after.Calls, before.Calls) {
		t.Errorf("calls of a second removal: %v, before %v", after.Calls, before.Calls)
	}
	c.apply("orders", c.hook("orders", envA, "")) // it can come again
	c.only()
}

// TestAnotherKind moves a webhook from one API to the other, and out of Genesys Cloud.
func TestAnotherKind(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.run(c.config())
	c.apply("orders", c.hook("orders", envA, ""))
	c.apply("orders", c.messaging("orders", envA, ""))
	if s := c.sim.State(); len(s.Webhooks) != 0 || len(s.Integrations) != 1 {
		t.Errorf("state = %+v", s)
	}
	c.apply("orders", doc("orders", envA, ""))
	if s := c.sim.State(); len(s.Integrations) != 0 {
		t.Errorf("state = %+v", s)
	}
	if live := c.apply("orders", doc("orders", envA, "")); live.GenesysID != "" || len(live.Steps) != 0 {
		t.Errorf("status = %+v", live)
	}
}

func TestTwoWebhooksWithOneName(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.run(c.config())
	c.apply("first", c.hook("first", envA, `,"name":"Shared"`))
	s := c.await(c.publish("second", c.hook("second", envB, `,"name":"Shared"`)), webhook.PhaseFailed)
	if !strings.Contains(s.Error, "the webhook first has the same name in Genesys Cloud") || len(s.Fields) != 1 || s.Fields[0].Field != "name" {
		t.Errorf("status = %+v", s)
	}
	c.only()
	c.apply("second", c.messaging("second", envB, `,"name":"Shared"`)) // another API, another list of names
}
