package provisioner_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// TestRotationHandsOver asserts that the old secret has no end until Genesys Cloud has the new one.
func TestRotationHandsOver(t *testing.T) {
	for _, kind := range []string{"webhook", "open-messaging"} {
		t.Run(kind, func(t *testing.T) {
			c := newCloud(t, genesystest.Config{})
			message, op := c.hook, "UpdateWebhook"
			if kind == "open-messaging" {
				message, op = c.messaging, "UpdateIntegration"
			}
			c.run(c.config())
			c.apply("orders", message("orders", envA, `,"secretOverlap":"1h"`))
			c.sim.Inject(genesystest.Fault{Op: op, Kind: genesystest.ServerError, Times: -1})
			seq := c.publish("orders", message("orders", envB, `,"secretOverlap":"1h"`))
			c.await(seq, webhook.PhaseWaiting)
			p, _ := c.policy("orders")
			if len(p.Secrets) != 2 || p.Secrets[0].Ref != envB || p.Secrets[1].Ref != envA || !p.Secrets[1].NotAfter.IsZero() {
				t.Fatalf("ring while Genesys Cloud has the old secret = %+v", p.Secrets)
			}
			c.ahead.Store(int64(3 * time.Hour)) // much longer than the overlap
			c.sim.ClearFaults()
			live := c.await(seq, webhook.PhaseLive)
			if p, _ = c.policy("orders"); len(p.Secrets) != 2 || p.Secrets[1].NotAfter.IsZero() || !live.NextTry.Equal(p.Secrets[1].NotAfter.Add(policy.EndedMemory)) {
				t.Fatalf("ring after the hand-over = %+v, status %+v", p.Secrets, live)
			}
			if left := p.Secrets[1].NotAfter.Sub(time.Now().Add(3 * time.Hour)); left < 59*time.Minute || left > time.Hour {
				t.Errorf("the old secret is valid for %s, want 1h from the hand-over", left)
			}
			if s := live.Secrets; len(s) != 2 || s[0].Epoch != 2 || !s[0].InGenesys || s[1].Epoch != 1 || s[1].InGenesys {
				t.Errorf("epochs = %+v", s)
			}
			c.ahead.Store(int64(5*time.Hour + policy.EndedMemory))
			c.eventually("the old secret is gone", func() bool { p, _ := c.policy("orders"); return len(p.Secrets) == 1 })
		})
	}
}

// TestRotationBackAfterALostAnswer goes back to the first secret after a change to the second that may have been done.
func TestRotationBackAfterALostAnswer(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	cfg := c.config()
	cfg.Backoff, cfg.MaxBackoff = time.Hour, time.Hour
	c.run(cfg)
	c.apply("orders", c.hook("orders", envA, ""))
	c.sim.Inject(genesystest.Fault{Op: "UpdateWebhook", Kind: genesystest.LostAnswer})
	c.await(c.publish("orders", c.hook("orders", envB, "")), webhook.PhaseWaiting)
	if got := c.only().Security.SecretKey.Reveal(); got != "secret-B-0123456789" {
		t.Fatalf("the fault had no effect: %s", got)
	}
	c.apply("orders", c.hook("orders", envA, ""))
	if got := c.only().Security.SecretKey.Reveal(); got != "secret-A-0123456789" {
		t.Error("Genesys Cloud signs with the second secret still")
	}
	if p, _ := c.policy("orders"); len(p.Secrets) != 2 || p.Secrets[0].Ref != envA || p.Secrets[1].Ref != envB || p.Secrets[1].NotAfter.IsZero() {
		t.Errorf("ring = %+v", p.Secrets)
	}
}

// TestSecretThatChangesUnderItsReference is what happens when somebody writes another secret to the same file.
func TestSecretThatChangesUnderItsReference(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.run(c.config())
	c.apply("orders", c.hook("orders", envA, ""))
	c.env.Store("HOOKPROOF_SECRET_A", "another-secret-0123456789")
	live := c.apply("orders", c.hook("orders", envA, ""))
	if got := c.only().Security.SecretKey.Reveal(); got != "another-secret-0123456789" {
		t.Error("Genesys Cloud signs with the former content still")
	}
	if s := live.Secrets; len(s) != 1 || s[0].Epoch != 2 || !s[0].InGenesys {
		t.Errorf("epochs = %+v", s)
	}
}

func TestGeneratedSecret(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	stop := c.run(c.config())
	c.apply("orders", c.hook("orders", "generate", ""))
	first := c.only().Security.SecretKey.Reveal()
	p, _ := c.policy("orders")
	text, err := secret.Resolver{Key: c.key}.Resolve(p.Secrets[0].Ref, "orders")
	if err != nil || text.Reveal() != first || len(first) < 43 || !strings.HasPrefix(string(p.Secrets[0].Ref), "sealed:") {
		t.Fatalf("policy %+v, %v; the secret has %d characters", p.Secrets, err, len(first))
	}
	stop()
	c.run(c.config())
	c.apply("orders", c.hook("orders", "generate", ""))
	if got := c.only().Security.SecretKey.Reveal(); got != first {
		t.Error("the secret changed by a restart and a repetition")
	}
	c.apply("orders", c.hook("orders", "generate:2", ""))
	second := c.only().Security.SecretKey.Reveal()
	if p, _ = c.policy("orders"); second == first || len(p.Secrets) != 2 || p.Secrets[1].NotAfter.IsZero() {
		t.Errorf("after another label: the same secret %v, ring %+v", second == first, p.Secrets)
	}
	c.apply("chat", c.messaging("chat", "generate", "")) // others may say the same, and get another
	if c.onlyIntegration().Secret.Reveal() == second {
		t.Error("two webhooks have the same generated secret")
	}
}

func TestGeneratedSecretNeedsTheKey(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	without := c.config()
	without.Secrets.Key = nil
	stop := c.run(without)
	s := c.await(c.publish("orders", c.hook("orders", "generate", "")), webhook.PhaseFailed)
	if !strings.Contains(s.Error, "HOOKPROOF_XKEY_FILE") || len(s.Fields) != 1 || s.Fields[0].Field != "secret" {
		t.Errorf("status = %+v", s)
	}
	stop()
	stop = c.run(c.config())
	c.apply("orders", c.hook("orders", "generate", ""))
	stop()

	other, err := secret.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.config()
	cfg.Secrets.Key = other
	c.run(cfg)
	s = c.await(c.publish("orders", c.hook("orders", "generate", "")), webhook.PhaseFailed)
	if !strings.Contains(s.Error, "another key") || !strings.Contains(s.Error, "generate:2") {
		t.Errorf("status = %+v", s)
	}
	c.apply("orders", c.hook("orders", "generate:2", ""))
}
