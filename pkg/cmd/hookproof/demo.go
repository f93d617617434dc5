package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// demoFlags ask for a demonstration.
type demoFlags struct {
	Demo       bool   `help:"Simulate Genesys Cloud in this process: it is given the webhook genesys, and sends it genuine and forged events." env:"HOOKPROOF_DEMO"`
	DemoListen string `help:"Address of the simulated Genesys Cloud." env:"HOOKPROOF_DEMO_LISTEN" default:"127.0.0.1:8090"`
}

// What the simulated Genesys Cloud sends.
const (
	demoRate  = 1.5 // events a second
	demoForge = 0.4 // share of them that is forged
)

// demonstrate starts a simulated Genesys Cloud, points the provisioner at it, and returns the webhook to provision there:
// the quick start's, or one with a generated secret. What becomes of it is printed.
func (c *allCmd) demonstrate(r *pool, quick *webhook.Webhook) (credentials, *webhook.Webhook, error) {
	if quick == nil {
		quick = &webhook.Webhook{Webhook: quickWebhook, Secret: webhook.Generate}
	}
	quick.Kind, quick.TargetURI = webhook.KindWebhook, ingressURL(c.Listen, quick.Webhook)
	quick.Events = []string{"conversation.started", "conversation.updated", "conversation.ended"}
	if err := quick.Check(webhook.Options{AllowPrivateTargets: true}); err != nil {
		return credentials{}, nil, err
	}
	l, err := net.Listen("tcp", c.DemoListen)
	if err != nil {
		return credentials{}, nil, fmt.Errorf("demo-listen: %w", err)
	}
	r.add(func(ctx context.Context) error {
		return simulate(ctx, l, genesystest.Config{EventRate: demoRate, ForgeRatio: demoForge, AllowInsecureTargets: true, Log: r.p.log})
	})
	if err := r.printStatuses(quick.Webhook); err != nil {
		return credentials{}, nil, err
	}
	base := "http://" + l.Addr().String()
	c.GenesysAPIURL, c.GenesysLoginURL, c.AllowPrivateTargets = base, base, true
	client := genesystest.DemoClient()
	return credentials{id: client.ID, secret: client.Secret}, quick, nil
}

// printStatuses prints what becomes of a webhook, from now on until the bus is closed.
func (r *pool) printStatuses(name string) error {
	last := ""
	_, err := r.bus.Listen(event.Subject(webhook.StatusRoot, name), func(m *nats.Msg) {
		var s webhook.Status
		if json.Unmarshal(m.Data, &s) != nil {
			return
		}
		if line := statusLine(s); line != last {
			fmt.Fprintf(r.p.stdout, "%s PROVISION %s\n", s.UpdatedAt.Local().Format("15:04:05.000"), line)
			last = line
		}
	})
	return err
}
