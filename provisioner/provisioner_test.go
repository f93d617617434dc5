package provisioner_test

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/webhook"
)

const envA, envB, envC = "env:HOOKPROOF_SECRET_A", "env:HOOKPROOF_SECRET_B", "env:HOOKPROOF_SECRET_C"

func stepNames(s webhook.Status) (names []string) {
	for _, step := range s.Steps {
		names = append(names, step.Name)
		if step.DoneAt.IsZero() {
			names[len(names)-1] += " (not done)"
		}
	}
	return names
}

func TestNoneBecomesLive(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	seq := w.publish("orders", doc("orders", envA, `,"generation":3,"allowlist":["203.0.113.0/24"],"tolerance":"60s","rateLimit":{"maxRequestsPerSecond":5,"burstSize":9}`))
	live := w.await(seq, webhook.PhaseLive)

	p, policyRevision := w.policy("orders")
	if len(p.Secrets) != 1 || p.Secrets[0].Ref != envA || len(p.Allowlist) != 1 || time.Duration(p.Tolerance) != time.Minute || p.Scheme.Name != "genesys-webhook" {
		t.Errorf("policy = %+v", p)
	}
	r, _ := w.route("orders")
	if r.Rate != 5 || r.Burst != 9 || r.MaxBody != 512<<10 || len(r.Allowlist) != 1 {
		t.Errorf("route = %+v", r)
	}
	if live.PolicyRevision != policyRevision || live.Generation != 3 || live.Error != "" || !live.NextTry.IsZero() || live.UpdatedAt.IsZero() {
		t.Errorf("status = %+v", live)
	}
	if got, want := stepNames(live), []string{"policy", "route"}; !reflect.DeepEqual(got, want) {
		t.Errorf("steps = %q, want %q", got, want)
	}
	var phases []webhook.Phase
	for _, s := range w.heard(seq) {
		if n := len(phases); n == 0 || phases[n-1] != s.Phase {
			phases = append(phases, s.Phase)
		}
	}
	if want := []webhook.Phase{webhook.PhaseValidating, webhook.PhasePolicy, webhook.PhaseRoute, webhook.PhaseLive}; !reflect.DeepEqual(phases, want) {
		t.Errorf("phases = %q, want %q", phases, want)
	}
	rec := w.record("orders")
	if !reflect.DeepEqual(rec.Status, live) || rec.Desired.Secret != envA || rec.ConfigSequence != seq || rec.Lease.Holder != "" || rec.Observed.PolicyRevision != policyRevision {
		t.Errorf("record = %+v", rec)
	}
}

func TestTheSameMessageTwiceChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	w.apply("orders", doc("orders", envA, ""))
	policies, routes := w.writes(bus.BucketPolicies), w.writes(bus.BucketRoutes)
	second := w.apply("orders", doc("orders", envA, ""))
	if len(second.Steps) != 0 {
		t.Errorf("steps of the second time = %q, want none", stepNames(second))
	}
	if p, r := w.writes(bus.BucketPolicies), w.writes(bus.BucketRoutes); p != policies || r != routes {
		t.Errorf("writes to policies and routes = %d and %d, want %d and %d", p, r, policies, routes)
	}
}

func TestInvalidMessagesAreRefusedWithEveryField(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	w.apply("orders", doc("orders", envA, ""))
	tests := []struct {
		name, webhook, doc string
		fields             []string
		text               string
	}{
		{"fields", "orders", doc("orders", "env:PATH", `,"tolerance":"1h","colour":"red","allowlist":[]`), []string{"allowlist", "colour", "secret", "tolerance"}, "colour: is not a field"},
		{"another name", "orders", doc("other", envB, ""), []string{"webhook"}, "published for orders"},
		{"half", "orders", `{"webhook":"orders"`, nil, "ends too early"},
		{"binary", "orders", "\x00\xff", nil, "not UTF-8"},
		{"never known", "fresh", `{}`, []string{"kind", "secret", "webhook"}, "kind: is needed"},
	}
	for _, tt := range tests {
		s := w.await(w.publish(tt.webhook, tt.doc), webhook.PhaseFailed)
		var fields []string
		for _, f := range s.Fields {
			fields = append(fields, f.Field)
		}
		if !reflect.DeepEqual(fields, tt.fields) || !strings.Contains(s.Error, tt.text) {
			t.Errorf("%s: fields %q, error %q; want %q and %q", tt.name, fields, s.Error, tt.fields, tt.text)
		}
		rec := w.record(tt.webhook)
		if rec.Refused == nil || rec.Refused.ConfigSequence != s.ConfigSequence {
			t.Errorf("%s: the record does not tell: %+v", tt.name, rec)
		}
	}
	w.acknowledged()
	if rec := w.record("orders"); rec.Status.Phase != webhook.PhaseLive || rec.Desired.Secret != envA {
		t.Errorf("a refused message changed the record: %+v", rec)
	}
	if rec := w.record("fresh"); rec.Status.Phase != webhook.PhaseFailed || rec.Desired != nil {
		t.Errorf("record of a webhook that never was = %+v", rec)
	}
	if w.apply("orders", doc("orders", envA, "")); w.record("orders").Refused != nil {
		t.Error("the refusal outlives a newer message that was accepted")
	}
}

func TestStaleGeneration(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	w.apply("orders", doc("orders", envA, `,"generation":5`))
	s := w.await(w.publish("orders", doc("orders", envB, `,"generation":4`)), webhook.PhaseStale)
	if !strings.Contains(s.Error, "generation 4 is older than 5") {
		t.Errorf("error = %q", s.Error)
	}
	if p, _ := w.policy("orders"); p.Secrets[0].Ref != envA {
		t.Errorf("a stale message changed the policy: %+v", p)
	}
	w.apply("orders", doc("orders", envB, `,"generation":5`))
	w.apply("orders", doc("orders", envC, ""))
	w.await(w.publish("orders", doc("orders", envB, `,"generation":4`)), webhook.PhaseStale)
	w.acknowledged()
}

// TestReordered starts from what a provisioner left that has accepted a message of a later place in the stream.
func TestReordered(t *testing.T) {
	later := func(generation int64) webhook.Record {
		r := webhook.NewRecord("orders")
		r.Desired = &webhook.Webhook{Webhook: "orders", Kind: webhook.KindNone, Secret: envB, Generation: generation}
		r.ConfigSequence, r.Generation = 100, generation
		r.Status = webhook.Status{Webhook: "orders", Phase: webhook.PhaseValidating, ConfigSequence: 100, Generation: generation}
		return r
	}
	tests := []struct {
		name              string
		before            int64 // generation of the later message
		generation        string
		phase             webhook.Phase
		secret            string
		supersedesTheRest bool
	}{
		{"without generations the stream decides", 0, "", webhook.PhaseSuperseded, envB, false},
		{"the same generation", 2, `,"generation":2`, webhook.PhaseSuperseded, envB, false},
		{"an older generation", 2, `,"generation":1`, webhook.PhaseStale, envB, false},
		{"a newer generation", 2, `,"generation":3`, webhook.PhaseLive, envA, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.putRecord(later(tt.before))
			seq := w.publish("orders", doc("orders", envA, tt.generation))
			w.run(w.config())
			w.await(seq, tt.phase)
			if tt.supersedesTheRest {
				w.await(100, webhook.PhaseSuperseded, webhook.PhaseLive)
			} else {
				w.await(100, webhook.PhaseLive)
			}
			if p, _ := w.policy("orders"); string(p.Secrets[0].Ref) != tt.secret {
				t.Errorf("secret in force = %s, want %s", p.Secrets[0].Ref, tt.secret)
			}
			w.acknowledged()
		})
	}
}

func TestNewerMessageInterruptsAWait(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Backoff, cfg.MaxBackoff = time.Hour, time.Hour
	w.run(cfg)
	first := w.publish("orders", doc("orders", "file:not-yet", ""))
	waiting := w.await(first, webhook.PhaseWaiting)
	if !strings.Contains(waiting.Error, "validate: secret: file:not-yet cannot be resolved") || time.Until(waiting.NextTry) < 20*time.Minute || len(waiting.Fields) != 1 {
		t.Errorf("status = %+v", waiting)
	}
	w.apply("orders", doc("orders", envA, ""))
	w.await(first, webhook.PhaseSuperseded)
	w.acknowledged()
}

func TestWaitingIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	seq := w.publish("orders", doc("orders", "file:orders", ""))
	w.await(seq, webhook.PhaseWaiting)
	w.apply("other", doc("other", envB, "")) // which is not delayed by it
	if err := os.WriteFile(filepath.Join(w.dir, "orders"), []byte("secret-F-0123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.await(seq, webhook.PhaseLive)
	if rec := w.record("orders"); rec.Attempts != 0 {
		t.Errorf("attempts after success = %d", rec.Attempts)
	}
}

func TestWhatNobodyCanResolveFails(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	for ref, want := range map[string]string{
		"env:HOOKPROOF_SECRET_UNSET": "the variable is not set",
		"file:/etc/passwd":           "not below the secret directory",
	} {
		s := w.await(w.publish("orders", doc("orders", ref, "")), webhook.PhaseFailed)
		if !strings.Contains(s.Error, want) || len(s.Fields) != 1 || s.Fields[0].Field != "secret" {
			t.Errorf("%s: status = %+v, want %q", ref, s, want)
		}
	}
	s := w.await(w.publish("orders", doc("orders", envA, `,"scheme":"standard-webhooks"`)), webhook.PhaseFailed)
	if !strings.Contains(s.Error, "base64 secret") {
		t.Errorf("secret of another form: %+v", s)
	}
	if _, revision := w.policy("orders"); revision != 0 {
		t.Error("a policy was written for a secret that cannot be used")
	}
}

func TestDriftIsPutBack(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Recheck = 100 * time.Millisecond
	w.run(cfg)
	w.apply("orders", doc("orders", envA, ""))
	if err := w.bus.Delete(context.Background(), bus.BucketPolicies, "orders"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.bus.Put(context.Background(), bus.BucketRoutes, "orders", []byte("{")); err != nil {
		t.Fatal(err)
	}
	w.eventually("the policy is back", func() bool { _, revision := w.policy("orders"); return revision > 0 })
	w.eventually("the route is back", func() bool {
		e, ok := w.entry(bus.BucketRoutes, "orders")
		return ok && len(e.Value) > 1
	})
	w.eventually("the record is at rest", func() bool { return w.record("orders").Status.Phase == webhook.PhaseLive })
}

func TestOtherKindsNeedCredentials(t *testing.T) {
	w := newWorld(t)
	w.run(w.config())
	s := w.await(w.publish("om", `{"webhook":"om","kind":"open-messaging","secret":"generate","targetUri":"https://hooks.example.com/om"}`), webhook.PhaseFailed)
	if !strings.Contains(s.Error, "GENESYS_CLIENT_ID") {
		t.Errorf("error = %q", s.Error)
	}
}
