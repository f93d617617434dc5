package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// TestConfigFitsContracts brings a webhook through its life and holds each config message and each status against the schemas.
func TestConfigFitsContracts(t *testing.T) {
	c := readContracts(t)
	o := newOrganisation(t, bus.Topology{}, genesystest.Config{}, 1)
	var desired, statuses gathered
	defer desired.listen(t, o.bus, "config.*")()
	defer statuses.listen(t, o.bus, "config-status.*")()
	o.spawn("", "provisioner")
	to := configs{o.bus, telemetry.NewPublishing(observe(t, receive(t), "hookproof-apply").Tracer(), nil)}
	publish := func(doc string) uint64 {
		w, err := webhook.ParseJSON([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		sequence, err := to.publish(context.Background(), w)
		if err != nil {
			t.Fatal(err)
		}
		return sequence
	}
	o.reaches(publish(o.present(webhook.KindWebhook, 1)), webhook.PhaseLive)
	o.reaches(publish(o.present(webhook.KindWebhook, 2)), webhook.PhaseLive)
	o.reaches(publish(`{"webhook":"orders","state":"absent"}`), webhook.PhaseRemoved)
	o.config(`{"webhook":"orders","kind":"none","secret":"correct horse battery staple","colour":1}`)
	phases := []webhook.Phase{webhook.PhaseTesting, webhook.PhaseLive, webhook.PhaseRemoved, webhook.PhaseFailed}
	for _, phase := range phases {
		o.eventually("a status that says "+string(phase), func() bool { return statuses.hold(`"phase":"` + string(phase) + `"`) })
	}
	desired.check(t, c, 3)
	statuses.check(t, c, len(phases))
	if !statuses.hold(`"fields":[`) || !statuses.hold(`"secrets":[`) || !statuses.hold(`"test":{`) {
		t.Error("no status has fields, secrets or a test")
	}
	if traced := desired.all()[0].Header["traceparent"]; len(traced) != 1 {
		t.Errorf("traceparent of a config message = %q, want one", traced)
	}
}

// gathered collects what is published.
type gathered struct {
	mu   sync.Mutex
	list []*nats.Msg
}

func (g *gathered) listen(t *testing.T, b *bus.Bus, subject string) (stop func()) {
	t.Helper()
	stop, err := b.Listen(subject, func(msg *nats.Msg) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.list = append(g.list, msg)
	})
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

func (g *gathered) all() []*nats.Msg {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.list)
}

// hold reports whether a message holds the text.
func (g *gathered) hold(text string) bool {
	return slices.ContainsFunc(g.all(), func(msg *nats.Msg) bool { return bytes.Contains(msg.Data, []byte(text)) })
}

// check holds each message that its own author means well against the contracts, and wants at least so many.
func (g *gathered) check(t *testing.T, c *contracts, atLeast int) {
	t.Helper()
	list := g.all()
	if len(list) < atLeast-1 {
		t.Errorf("%d messages were seen, want at least %d", len(list), atLeast-1)
	}
	for _, msg := range list {
		if bytes.Contains(msg.Data, []byte("correct horse")) || msg.Header.Get(event.HeaderVersion) == "2" || msg.Header.Get(event.HeaderReceivedAt) == "soon" {
			continue // broken by the test
		}
		c.checkHeaders(t, msg.Subject, msg.Header)
		root, _, _ := strings.Cut(msg.Subject, ".")
		if root == webhook.ConfigRoot || root == webhook.StatusRoot {
			ref, _ := dig(c.message(t, root), "payload", "$ref").(string)
			// The provisioners of the tests accept plain HTTP on loopback, which the schema does not.
			c.checkJSON(t, c.schema(t, ref), bytes.Replace(msg.Data, []byte("http://127.0.0.1:"), []byte("https://hooks.example.com:"), 1))
		}
	}
}
