package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/signature"
	"github.com/hookproof/hookproof/pkg/webhook"
	"github.com/hookproof/hookproof/provisioner"
)

// organisation is a rig with a simulated Genesys Cloud, which provisioners of its own processes reach.
type organisation struct {
	*rig
	sim *genesystest.Simulator
}

func newOrganisation(t *testing.T, topology bus.Topology, cfg genesystest.Config, verifiers int) *organisation {
	t.Helper()
	cfg.AllowInsecureTargets, cfg.RequestsPerMinute = true, -1
	o := &organisation{rig: newRig(t, topology, verifiers), sim: genesystest.New(cfg)}
	client, url := genesystest.DemoClient(), o.sim.Start(t).URL
	lease := cmp.Or(topology.AckWait, 5*time.Second) // a step is given two thirds of it, and after a kill it is waited for
	o.env = []string{"GENESYS_CLIENT_ID=" + client.ID, "GENESYS_CLIENT_SECRET=" + client.Secret.Reveal(), "HOOKPROOF_GENESYS_API_URL=" + url,
		"HOOKPROOF_GENESYS_LOGIN_URL=" + url, "HOOKPROOF_ALLOW_PRIVATE_TARGETS=true", "HOOKPROOF_PROVISIONER_LEASE=" + lease.String(),
		"HOOKPROOF_REMOVAL_GRACE=1s"}
	for epoch := range 4 { // the same as testEnv
		name := fmt.Sprintf("HOOKPROOF_SECRET_%d", epoch)
		text, _ := testEnv(name)
		o.env = append(o.env, name+"="+text)
	}
	return o
}

// config publishes a config message for the webhook orders and returns its sequence.
func (o *organisation) config(doc string) uint64 {
	o.t.Helper()
	ack, err := o.bus.Publish(context.Background(), &nats.Msg{Subject: webhook.ConfigRoot + ".orders", Data: []byte(doc)})
	if err != nil {
		o.t.Fatal(err)
	}
	return ack.Sequence
}

// present is the desired state of the kind, signed with the secret of an epoch.
func (o *organisation) present(kind webhook.Kind, epoch int) string {
	events := ""
	if kind == webhook.KindWebhook {
		events = `,"events":["order.changed"]`
	}
	return fmt.Sprintf(`{"webhook":"orders","kind":"%s","targetUri":"%sorders","secret":"env:HOOKPROOF_SECRET_%d"%s}`, kind, o.url, epoch, events)
}

// reaches waits until the record of orders says that a message has come to its end.
func (o *organisation) reaches(sequence uint64, phase webhook.Phase) {
	o.t.Helper()
	o.eventually("orders "+string(phase), func() bool {
		e, err := o.bus.Get(context.Background(), bus.BucketWebhooks, "orders")
		if err != nil {
			return false
		}
		r, err := webhook.DecodeRecord(e)
		return err == nil && r.ConfigSequence == sequence && r.Status.Phase == phase
	})
}

// TestProvisionerKilled kills a real provisioner at each point of the steps that make a webhook. A new one must bring the webhook to its
// desired state: there is exactly one, it was created once, it is enabled, and its events are verified.
func TestProvisionerKilled(t *testing.T) {
	for kind, steps := range map[webhook.Kind][]string{
		webhook.KindWebhook: {provisioner.StepPolicy, provisioner.StepRoute, provisioner.StepCreate, provisioner.StepTest, provisioner.StepEnable},
		// The steps before are the same.
		webhook.KindOpenMessaging: {provisioner.StepCreate, provisioner.StepComplete},
	} {
		points := []string{}
		for _, step := range steps {
			for _, point := range []string{provisioner.PointBegun, provisioner.PointDone, provisioner.PointRecorded} {
				points = append(points, provisioner.Failpoint(step, point))
			}
		}
		if kind == webhook.KindWebhook {
			points = append(points, provisioner.FailpointAccepted)
		}
		for _, point := range points {
			t.Run(string(kind)+" "+point, func(t *testing.T) {
				t.Parallel() // it waits more than it works
				o := newOrganisation(t, crashTopology, genesystest.Config{}, 1)
				dead := o.spawn(point+":1:kill", "provisioner")
				sequence := o.config(o.present(kind, 1))
				dead.killed(t)
				o.spawn("", "provisioner")
				o.reaches(sequence, webhook.PhaseLive)
				o.assertOne(kind, 1)
			})
		}
	}
}

// assertOne asserts that Genesys Cloud has the one webhook, which was created once, and that its events are verified.
func (o *organisation) assertOne(kind webhook.Kind, epoch int) {
	o.t.Helper()
	s := o.sim.State()
	if s.Created[string(kind)] != 1 || len(s.Webhooks)+len(s.Integrations) != 1 {
		o.t.Errorf("created %v; there are %d webhooks and %d integrations, want one", s.Created, len(s.Webhooks), len(s.Integrations))
	}
	name := signature.NameGenesysOpenMessaging
	body := fmt.Appendf(nil, `{"epoch":%d,"channel":{"time":"%s"}}`, epoch, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
	if kind == webhook.KindWebhook {
		name = signature.NameGenesysWebhook
		if h := s.Webhooks[0]; !h.Enabled || h.URI != o.url+"orders" {
			o.t.Errorf("webhook = %+v", h)
		}
	}
	text, _ := testEnv(fmt.Sprintf("HOOKPROOF_SECRET_%d", epoch))
	scheme := scheme(o.t, name)
	id := o.accept("orders", scheme.Sign(key(o.t, scheme, text), "", time.Now(), body), body)
	if got := o.outcome(id); got.Subject != "verified.orders" {
		o.t.Errorf("a genuine event: %s %s", got.Subject, got.Header.Get(event.HeaderReason))
	}
}

// TestProvisionerKilledWhileRotating kills a real provisioner at each point of the steps that only a new secret takes.
func TestProvisionerKilledWhileRotating(t *testing.T) {
	for _, step := range []string{provisioner.StepUpdate, provisioner.StepRetire} {
		for _, point := range []string{provisioner.PointBegun, provisioner.PointDone, provisioner.PointRecorded} {
			point := provisioner.Failpoint(step, point)
			t.Run(point, func(t *testing.T) {
				t.Parallel() // it waits more than it works
				o := newOrganisation(t, crashTopology, genesystest.Config{}, 1)
				dead := o.spawn(point+":1:kill", "provisioner")
				o.reaches(o.config(o.present(webhook.KindWebhook, 1)), webhook.PhaseLive)
				sequence := o.config(o.present(webhook.KindWebhook, 2))
				dead.killed(t)
				o.spawn("", "provisioner")
				o.reaches(sequence, webhook.PhaseLive)
				o.assertOne(webhook.KindWebhook, 2)
				o.assertOne(webhook.KindWebhook, 1) // within the overlap
				text, _ := testEnv("HOOKPROOF_SECRET_2")
				if got := o.sim.State().Webhooks[0].Security.SecretKey.Reveal(); got != text {
					t.Error("Genesys Cloud signs with another secret than the new one")
				}
			})
		}
	}
}

// TestProvisionerKilledWhileGenerating kills a real provisioner at each point of making a secret up. The verifiers must
// accept the one that Genesys Cloud was given.
func TestProvisionerKilledWhileGenerating(t *testing.T) {
	for _, point := range []string{provisioner.PointBegun, provisioner.PointDone, provisioner.PointRecorded} {
		t.Run(point, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			o := newOrganisation(t, crashTopology, genesystest.Config{}, 0)
			keyFile, _ := newKeyFile(t)
			o.env = append(o.env, "HOOKPROOF_XKEY_FILE="+keyFile)
			o.spawn("", "verifier")
			dead := o.spawn(provisioner.Failpoint(provisioner.StepSecret, point)+":1:kill", "provisioner")
			sequence := o.config(strings.Replace(o.present(webhook.KindWebhook, 1), "env:HOOKPROOF_SECRET_1", "generate", 1))
			dead.killed(t)
			o.spawn("", "provisioner")
			o.reaches(sequence, webhook.PhaseLive)
			scheme, body := scheme(t, signature.NameGenesysWebhook), []byte(`{"n":1}`)
			text := o.sim.State().Webhooks[0].Security.SecretKey.Reveal()
			if got := o.outcome(o.accept("orders", scheme.Sign(key(t, scheme, text), "", time.Now(), body), body)); got.Subject != "verified.orders" {
				t.Errorf("a genuine event: %s %s", got.Subject, got.Header.Get(event.HeaderReason))
			}
		})
	}
}

// TestProvisionerKilledWhileRemoving kills a real provisioner at each point of a removal. A new one must end it: nothing is
// left in Genesys Cloud, of the route or of the policy.
func TestProvisionerKilledWhileRemoving(t *testing.T) {
	for _, step := range []string{provisioner.StepDelete, provisioner.StepUnroute, provisioner.StepUnpolicy} {
		for _, point := range []string{provisioner.PointBegun, provisioner.PointDone, provisioner.PointRecorded} {
			point := provisioner.Failpoint(step, point)
			t.Run(point, func(t *testing.T) {
				t.Parallel() // it waits more than it works
				o := newOrganisation(t, crashTopology, genesystest.Config{}, 1)
				dead := o.spawn(point+":1:kill", "provisioner")
				o.reaches(o.config(o.present(webhook.KindWebhook, 1)), webhook.PhaseLive)
				sequence := o.config(`{"webhook":"orders","state":"absent"}`)
				dead.killed(t)
				o.spawn("", "provisioner")
				o.reaches(sequence, webhook.PhaseRemoved)
				if s := o.sim.State(); len(s.Webhooks) != 0 {
					t.Errorf("left in Genesys Cloud: %+v", s.Webhooks)
				}
				for _, bucket := range []string{bus.BucketRoutes, bus.BucketPolicies} {
					if e, err := o.bus.Get(context.Background(), bucket, "orders"); err == nil && !e.Deleted || err != nil && !errors.Is(err, bus.ErrNotFound) {
						t.Errorf("%s still has it: %s (%v)", bucket, e.Value, err)
					}
				}
			})
		}
	}
}

// TestRotationThroughGenesysCloud rotates the secret while Genesys Cloud sends 200 events a second. Not one may be rejected.
func TestRotationThroughGenesysCloud(t *testing.T) {
	o := newOrganisation(t, bus.Topology{}, genesystest.Config{EventRate: 200}, 2)
	o.spawn("", "provisioner")
	o.reaches(o.config(o.present(webhook.KindWebhook, 0)), webhook.PhaseLive)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var sending sync.WaitGroup
	sending.Go(func() {
		if err := o.sim.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	accepted := func() int { return o.sim.State().Deliveries.Accepted }
	for epoch := 1; epoch < 4; epoch++ {
		before := accepted()
		o.eventually("events of the former secret", func() bool { return accepted() >= before+200 })
		o.reaches(o.config(o.present(webhook.KindWebhook, epoch)), webhook.PhaseLive)
	}
	before := accepted()
	o.eventually("events of the last secret", func() bool { return accepted() >= before+200 })
	cancel()
	sending.Wait()
	o.drained()
	s := o.sim.State()
	if d := s.Deliveries; d.Accepted != d.Events {
		t.Errorf("deliveries = %+v: not every event was accepted", d)
	}
	want := s.Deliveries.Accepted + s.Tests["success"]
	o.eventually("every outcome is read", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.outcomes) >= want
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, list := range o.outcomes {
		if m := list[0]; len(list) != 1 || !strings.HasPrefix(m.Subject, "verified.") {
			t.Errorf("%s: %d outcomes, %s %s %s", id, len(list), m.Subject, m.Header.Get(event.HeaderReason), m.Header.Get(event.HeaderDetail))
		}
	}
	t.Logf("%d events over three rotations, all verified", s.Deliveries.Events)
}
