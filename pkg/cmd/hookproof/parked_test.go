package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/route"
	"github.com/hookproof/hookproof/pkg/signature"
)

// captured returns the message of a genuine request that was received at a time, as an ingress writes it.
func captured(t testing.TB, webhook string, body []byte, receivedAt time.Time) *nats.Msg {
	t.Helper()
	s := scheme(t, signature.NameGenesysWebhook)
	h := event.CaptureHeader(s.Sign(key(t, s, testSecret), "", receivedAt, body), "hooks.example.com")
	return event.Encode(&event.Request{ID: uuid.Must(uuid.NewV7()).String(), Webhook: webhook, ReceivedAt: receivedAt,
		RemoteAddr: "192.0.2.1:1", Path: "/webhooks/" + webhook, Header: h, Body: body})
}

func (r *rig) publish(m *nats.Msg) string {
	r.t.Helper()
	if _, err := r.bus.Publish(context.Background(), m); err != nil {
		r.t.Fatal(err)
	}
	return m.Header.Get(event.HeaderID)
}

// TestParked puts on the bus what cannot be judged. Each has to be kept as it came, with the reason.
func TestParked(t *testing.T) {
	r := newRig(t, bus.Topology{}, 2)
	s := scheme(t, signature.NameGenesysWebhook)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: s})
	r.configure(policy.Policy{Webhook: "unresolved", Scheme: s, Secrets: []policy.Secret{{Ref: "env:HOOKPROOF_SECRET_"}, {Ref: "file:absent"}}})
	r.put(bus.BucketPolicies, "newer", func() ([]byte, error) { return []byte(`{"format":2,"scheme":{}}`), nil })
	hours := time.Now().Add(-2 * time.Hour)
	original := captured(t, "genesys", []byte("an old event"), hours)
	if got := r.outcome(r.publish(original)); got.Subject != "verified.genesys" || got.Header.Get(event.HeaderPossibleDuplicate) != "true" {
		t.Fatalf("after a long outage: %s, possible duplicate %q", got.Subject, got.Header.Get(event.HeaderPossibleDuplicate))
	}
	change := func(m *nats.Msg, name, value string) *nats.Msg {
		m.Header.Set(name, value)
		return m
	}
	for _, c := range []struct {
		name   string
		msg    *nats.Msg
		reason event.Reason
	}{
		{"unknown version", change(captured(t, "genesys", []byte("1"), time.Now()), event.HeaderVersion, "2"), event.UnknownVersion},
		{"no version", change(captured(t, "genesys", []byte("2"), time.Now()), event.HeaderVersion, ""), event.Unreadable},
		{"no time of receipt", change(captured(t, "genesys", []byte("3"), time.Now()), event.HeaderReceivedAt, "soon"), event.Unreadable},
		{"unresolvable secret", captured(t, "unresolved", []byte("4"), time.Now()), event.Unresolvable},
		{"policy of a newer format", captured(t, "newer", []byte("5"), time.Now()), event.PolicyUnreadable},
		{"a copy after the horizon", captured(t, "genesys", []byte("an old event"), hours), event.ReplayTooOld},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := r.outcome(r.publish(c.msg))
			_, webhook, _ := strings.Cut(c.msg.Subject, ".")
			if got.Subject != "parked."+webhook || got.Header.Get(event.HeaderReason) != string(c.reason) || got.Header.Get(event.HeaderDetail) == "" {
				t.Errorf("outcome = %s %q %q, want parked.%s %q and a detail", got.Subject, got.Header.Get(event.HeaderReason),
					got.Header.Get(event.HeaderDetail), webhook, c.reason)
			}
			if string(got.Data) != string(c.msg.Data) || got.Header.Get("Http-X-Genesys-Signature") != c.msg.Header.Get("Http-X-Genesys-Signature") {
				t.Error("the message has changed")
			}
		})
	}
}

// TestUnknownToVerifiers sends to a webhook that an ingress knows and no verifier does.
func TestUnknownToVerifiers(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook)})
	body := []byte("nobody's")
	expect(t, r, r.publish(captured(t, "nobody", body, time.Now())), "nobody", body, event.UnknownWebhook, "")
}

// TestNewWebhookAtOnce sends the first event as soon as a webhook is stored. It must not cost the event, neither at the
// ingress, where 404 would be final, nor at the verifiers.
func TestNewWebhookAtOnce(t *testing.T) {
	r := newRig(t, bus.Topology{}, 2)
	for i := range 20 {
		p := policy.Policy{Webhook: fmt.Sprintf("new-%d", i), Scheme: scheme(t, signature.NameGenesysWebhook),
			Secrets: []policy.Secret{{Ref: "env:WEBHOOK_SECRET"}}, Tolerance: policy.Duration(policy.DefaultTolerance)}
		r.put(bus.BucketPolicies, p.Webhook, p.Encode)
		r.put(bus.BucketRoutes, p.Webhook, route.Route{Webhook: p.Webhook}.Encode)
		body := []byte("the first event of " + p.Webhook)
		expect(t, r, r.accept(p.Webhook, signed(body), body), p.Webhook, body, "", "")
	}
}

// TestJudgedByTimeOfReceipt leaves a message waiting for longer than the tolerance.
func TestJudgedByTimeOfReceipt(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook)})
	body := []byte("it waited for half an hour")
	got := expect(t, r, r.publish(captured(t, "genesys", body, time.Now().Add(-30*time.Minute))), "genesys", body, "", "")
	if got.Header.Get(event.HeaderPossibleDuplicate) != "" {
		t.Error("within the horizon it is no possible duplicate")
	}
}

// TestReplayOff verifies equal bodies where the policy says so, and each says so too.
func TestReplayOff(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	r.configure(policy.Policy{Webhook: "beats", Scheme: scheme(t, signature.NameGenesysWebhook), ReplayOff: true})
	body := []byte(`{"heartbeat":true}`)
	for range 2 {
		got := expect(t, r, r.accept("beats", signed(body), body), "beats", body, "", "")
		if got.Header.Get(event.HeaderReplayCheck) != "off" {
			t.Error("the event does not say that the replay check is off")
		}
	}
}

// TestBackPressure fills VERIFIED. Events wait until there is room, and none is lost.
func TestBackPressure(t *testing.T) {
	r := newRig(t, bus.Topology{MaxStorage: 4 << 20}, 2)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook)})
	var ids []string
	for i := range 6 { // of 300 KiB: VERIFIED, 35 % of 4 MiB, has room for 4, and UNVERIFIED, a quarter, for 3
		body := make([]byte, 300<<10)
		body[0] = byte(i)
		r.eventually("there is room in UNVERIFIED", func() bool { // until a verifier has made some the sender is told 503
			status, id := r.post("genesys", signed(body), body)
			if status == http.StatusOK {
				ids = append(ids, id)
			} else if status != http.StatusServiceUnavailable {
				t.Errorf("POST genesys = %d, want 200 or 503", status)
			}
			return status == http.StatusOK
		})
	}
	r.eventually("VERIFIED is full and the rest waits", func() bool {
		v, err1 := r.bus.State(context.Background(), bus.StreamVerified, "")
		u, err2 := r.bus.State(context.Background(), bus.StreamUnverified, "")
		return err1 == nil && err2 == nil && v.Messages+u.Messages == uint64(len(ids)) && u.Messages > 0 && v.Messages > 0
	})
	// Room is made by a larger stream, as an operator would.
	if err := r.bus.Setup(context.Background(), bus.Topology{MaxStorage: 1 << 30}, r.server); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if got := r.outcome(id); got.Subject != "verified.genesys" {
			t.Errorf("%s: %s %s", id, got.Subject, got.Header.Get(event.HeaderReason))
		}
	}
}
