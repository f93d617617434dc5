package provisioner_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
)

func TestRotationKeepsTheOldSecretForTheOverlap(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	w.apply("orders", doc("orders", envA, `,"secretOverlap":"1h"`))
	rotated := w.apply("orders", doc("orders", envB, `,"secretOverlap":"1h"`))

	p, _ := w.policy("orders")
	if len(p.Secrets) != 2 || p.Secrets[0].Ref != envB || !p.Secrets[0].NotAfter.IsZero() || p.Secrets[1].Ref != envA {
		t.Fatalf("ring = %+v", p.Secrets)
	}
	old := p.Secrets[1].NotAfter
	if left := time.Until(old); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the old secret is valid for %s, want about 1h", left)
	}
	if forgotten := old.Add(policy.EndedMemory); !rotated.NextTry.Equal(forgotten) {
		t.Errorf("next try = %s, want when the old secret is forgotten: %s", rotated.NextTry, forgotten)
	}
	again := w.apply("orders", doc("orders", envB, `,"secretOverlap":"1h"`))
	if q, _ := w.policy("orders"); len(again.Steps) != 0 || !q.Secrets[1].NotAfter.Equal(old) {
		t.Errorf("the same message prolonged the old secret: %+v", q.Secrets)
	}
	w.ahead.Store(int64(time.Hour + time.Second)) // it has ended, and what was received before may still wait
	w.apply("orders", doc("orders", envB, `,"secretOverlap":"1h","tolerance":"1m"`))
	if q, _ := w.policy("orders"); len(q.Secrets) != 2 || !q.Secrets[1].NotAfter.Equal(old) {
		t.Errorf("ring after the end of the old secret = %+v, want it in there with its end", q.Secrets)
	}
	w.ahead.Store(int64(time.Hour + time.Second + policy.EndedMemory))
	w.eventually("the old secret is gone", func() bool { p, _ := w.policy("orders"); return len(p.Secrets) == 1 })
	w.eventually("nothing more is due", func() bool { return w.record("orders").Status.NextTry.IsZero() })
}

func TestRotationAtOnce(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	w.apply("orders", doc("orders", envA, ""))
	began := time.Now()
	w.apply("orders", doc("orders", envB, `,"secretOverlap":"0s"`))
	p, _ := w.policy("orders")
	if len(p.Secrets) != 2 || p.Secrets[0].Ref != envB || p.Secrets[1].NotAfter.After(time.Now()) || p.Secrets[1].NotAfter.Before(began.Add(-time.Second)) {
		t.Errorf("ring = %+v, want the old secret in it, at its end", p.Secrets)
	}
}

func TestRotationDropsWhatCannotBeResolved(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	w.apply("orders", doc("orders", envA, ""))
	w.env.Delete("HOOKPROOF_SECRET_A")
	w.apply("orders", doc("orders", envB, ""))
	if p, _ := w.policy("orders"); len(p.Secrets) != 1 || p.Secrets[0].Ref != envB {
		t.Errorf("ring = %+v, want the new secret only", p.Secrets)
	}
}

func TestTwoWebhooksWithOneSecret(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	if err := os.WriteFile(filepath.Join(w.dir, "copy"), []byte("secret-A-0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.apply("first", doc("first", envA, ""))
	for _, ref := range []string{envA, "file:copy"} {
		s := w.await(w.publish("second", doc("second", ref, "")), webhook.PhaseFailed)
		if !strings.Contains(s.Error, "the webhook first has the same secret") {
			t.Errorf("%s: error = %q", ref, s.Error)
		}
	}
	if _, revision := w.policy("second"); revision != 0 {
		t.Error("the second webhook has a policy")
	}
	w.apply("first", doc("first", envA, "")) // the first keeps its right
	w.apply("first", doc("first", envB, ""))
	s := w.await(w.publish("second", doc("second", envA, "")), webhook.PhaseFailed) // still valid for the first
	if !strings.Contains(s.Error, "same secret") {
		t.Errorf("error = %q", s.Error)
	}
	w.apply("first", doc("first", envC, `,"secretOverlap":"0s"`))
	w.await(w.publish("first", `{"webhook":"first","state":"absent"}`), webhook.PhaseRemoved)
	w.apply("second", doc("second", envA, ""))
}

func TestTwoWebhooksWithOneSecretAtOnce(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		w.run(w.config())
	}
	for round := range 5 {
		w.env.Store(fmt.Sprintf("HOOKPROOF_SECRET_R%d", round), fmt.Sprintf("secret-of-round-%d-0123456789", round))
		ref := fmt.Sprintf("env:HOOKPROOF_SECRET_R%d", round)
		var outcomes []webhook.Phase
		var seqs []uint64
		for i := range 3 {
			name := fmt.Sprintf("r%d-%d", round, i)
			seqs = append(seqs, w.publish(name, doc(name, ref, "")))
		}
		live := 0
		for _, seq := range seqs {
			s := w.await(seq, webhook.PhaseLive, webhook.PhaseFailed)
			outcomes = append(outcomes, s.Phase)
			if s.Phase == webhook.PhaseLive {
				live++
			}
		}
		if live != 1 {
			t.Errorf("outcomes = %v, want one live", outcomes)
		}
	}
}

// TestCanary looks for a secret wherever the provisioner writes.
func TestCanary(t *testing.T) {
	w := newWorld(t)
	const canary = "Canary/+\"<0123456789>"
	w.env.Store("HOOKPROOF_SECRET_CANARY", canary)
	key, err := secret.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := secret.Seal(public, "orders", secret.New(canary+"sealed"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := w.config()
	cfg.Secrets.Key = key
	w.run(cfg)
	w.apply("orders", doc("orders", "env:HOOKPROOF_SECRET_CANARY", ""))
	w.apply("orders", doc("orders", string(sealed), ""))
	w.await(w.publish("other", doc("other", "env:HOOKPROOF_SECRET_CANARY", "")), webhook.PhaseFailed)
	w.await(w.publish("other", doc("other", string(sealed), "")), webhook.PhaseFailed)
	w.await(w.publish("other", doc("other", "env:HOOKPROOF_SECRET_CANARY", `,"scheme":"standard-webhooks"`)), webhook.PhaseFailed)
	w.await(w.publish("orders", `{"webhook":"orders","state":"absent"}`), webhook.PhaseRemoved)

	var forms []string
	escaped := strings.NewReplacer(`"`, `\"`).Replace(canary)
	for _, form := range []string{canary, escaped, strings.NewReplacer("<", `\u003c`, ">", `\u003e`).Replace(escaped), url.QueryEscape(canary), url.PathEscape(canary),
		hex.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary[:18])), base64.RawURLEncoding.EncodeToString([]byte(canary[:18]))} {
		forms = append(forms, strings.ToLower(form))
	}
	search := func(where, text string) {
		for _, form := range forms {
			if strings.Contains(strings.ToLower(text), form) {
				t.Errorf("the secret is in %s: %s", where, text)
			}
		}
	}
	for _, stream := range []string{"CONFIG", "KV_policies", "KV_routes", "KV_webhooks"} {
		n := 0
		err := w.bus.Scan(context.Background(), stream, bus.ScanOptions{Subject: ">"}, func(m bus.Stored) error {
			n++
			search(stream, m.Subject+fmt.Sprint(m.Header)+string(m.Data))
			return nil
		})
		if err != nil || n == 0 {
			t.Errorf("scan of %s: %d messages, %v", stream, n, err)
		}
	}
	search("the log", w.log.String())
	w.mu.Lock()
	defer w.mu.Unlock()
	search("a status", fmt.Sprintf("%+v", w.statuses))
}

func TestPlainSecretIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	const plain = "correct-horse-battery-staple"
	s := w.await(w.publish("orders", doc("orders", plain, "")), webhook.PhaseFailed)
	e, _ := w.entry(bus.BucketWebhooks, "orders")
	for where, text := range map[string]string{"status": fmt.Sprintf("%+v", s), "record": string(e.Value), "log": w.log.String()} {
		if strings.Contains(text, plain) {
			t.Errorf("the plain secret is repeated in the %s: %s", where, text)
		}
	}
	if !strings.Contains(s.Error, "a plain secret is refused") {
		t.Errorf("error = %q", s.Error)
	}
}
