package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/check"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/explain"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/redrive"
	"github.com/hookproof/hookproof/pkg/signature"
)

func (r *rig) explain(id string) *explain.Life {
	r.t.Helper()
	l, err := explain.Request(context.Background(), r.bus, id, explain.Options{Jaeger: "https://jaeger.example.com/"})
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

func resultOf(checks []check.Result, name string) string {
	for _, c := range checks {
		if c.Name == name {
			return c.Result
		}
	}
	return ""
}

// TestExplain tells the life of an event that was rejected, redriven and verified, of one that is parked, and of a replay.
func TestExplain(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	s := scheme(t, signature.NameGenesysWebhook)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: s, Secrets: wrongSecret})
	r.configure(policy.Policy{Webhook: "unresolved", Scheme: s, Secrets: []policy.Secret{{Ref: "file:absent"}}})
	body := []byte(`{"canary":"in the body"}`)
	h := signed(body)
	h.Set("X-Canary", "canary in a header")
	h.Set("Traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	id := r.accept("genesys?token=canary", h, body)
	r.expectReason(id, event.SignatureMismatch)
	r.mend()
	r.redrive(redrive.Query{Webhook: "genesys", Reason: event.SignatureMismatch})
	replay := r.accept("genesys", signed(body), body)
	r.expectReason(replay, event.ReplayDetected)
	parked := r.accept("unresolved", signed(body), body)
	r.expectReason(parked, event.Unresolvable)

	l := r.explain(id)
	if l.State != explain.Verified || l.Webhook != "genesys" || l.ClientAddress != "127.0.0.1" || l.Path != "/webhooks/genesys" || l.ReceivedAt.IsZero() || len(l.Attempts) != 2 {
		t.Fatalf("life = %+v, want it verified at the second attempt", l)
	}
	first, second := l.Attempts[0], l.Attempts[1]
	if first.State != explain.Blocked || first.Reason != string(event.SignatureMismatch) || first.Detail != event.DetailMismatch || first.Verifier != "test" ||
		resultOf(first.Checks, "timestamp") != check.Passed || resultOf(first.Checks, "signature") != check.Failed || resultOf(first.Checks, check.Replay) != check.Skipped {
		t.Errorf("first attempt = %+v", first)
	}
	if second.State != explain.Verified || second.Subject != "verified.genesys" || second.Sequence != 1 || second.Attempt != 1 || second.RedrivenBy != "alice" ||
		resultOf(second.Checks, check.Replay) != check.Passed || second.PolicyRevision <= first.PolicyRevision {
		t.Errorf("second attempt = %+v", second)
	}
	var text bytes.Buffer
	if err := printLife(&text, l); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "canary") || bytes.Contains(raw, []byte("canary")) {
		t.Errorf("something of the sender's is in\n%s\n%s", text.String(), raw)
	}
	if a := r.explain(replay).Attempts; len(a) != 1 || resultOf(a[0].Checks, check.Replay) != check.Failed {
		t.Errorf("a replay's attempts = %+v", a)
	}
	if l := r.explain(parked); l.State != explain.Parked || l.Attempts[0].Checks != nil || l.Attempts[0].Detail == "" {
		t.Errorf("a parked request = %+v, want no checks and a detail", l)
	}
	for range 20 { // more than the bucket's history
		r.mend()
	}
	if a := r.explain(id).Attempts[0]; !a.PolicyForgotten || a.Checks != nil {
		t.Errorf("with the policy forgotten: %+v, want no checks", a)
	}
}

// TestExplainWaiting asks for a request that no verifier has judged, and for one that nobody knows.
func TestExplainWaiting(t *testing.T) {
	r := newRig(t, bus.Topology{}, 0)
	m := captured(t, "genesys", []byte("waits"), time.Now())
	m.Header.Set("traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	id := r.publish(m)
	l := r.explain(id)
	if l.State != explain.Waiting || len(l.Attempts) != 1 || l.Attempts[0].Stream != bus.StreamUnverified || l.Attempts[0].Checks != nil {
		t.Errorf("life = %+v, want one waiting attempt", l)
	}
	if got := l.Attempts[0].TraceURL; got != "https://jaeger.example.com/trace/0123456789abcdef0123456789abcdef" {
		t.Errorf("trace = %q", got)
	}
	for name, c := range map[string]struct {
		id      string
		options explain.Options
		want    error
	}{
		"unknown":         {uuid.Must(uuid.NewV7()).String(), explain.Options{}, explain.ErrUnknown},
		"another webhook": {id, explain.Options{Webhook: "other"}, explain.ErrUnknown},
		"not an id":       {"../etc", explain.Options{}, explain.ErrID},
		"version 4":       {uuid.NewString(), explain.Options{}, explain.ErrID},
	} {
		if l, err := explain.Request(t.Context(), r.bus, c.id, c.options); l != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: Request = %v, %v, want %v", name, l, err, c.want)
		}
	}
}
