package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/webhook"
	"github.com/hookproof/hookproof/verifier"
)

// quickWebhook is the webhook that WEBHOOK_SECRET configures.
const quickWebhook = "genesys"

type allCmd struct {
	natsFlags
	commitFlags
	topologyFlags
	sizeFlags
	adminFlags
	secretFlags
	httpFlags
	genesysFlags
	demoFlags
	NATSListen   string        `name:"nats-listen" help:"Address of the embedded NATS server; empty for none." env:"HOOKPROOF_NATS_LISTEN" default:"127.0.0.1:4222"`
	DataDir      string        `help:"Directory of the embedded NATS server; default $XDG_DATA_HOME/hookproof or ~/.local/share/hookproof." env:"HOOKPROOF_DATA_DIR" type:"path"`
	SyncInterval time.Duration `help:"How long a stored message may wait for its fsync." env:"HOOKPROOF_SYNC_INTERVAL" default:"100ms"`
	SyncAlways   bool          `help:"Fsync before each acknowledgement." env:"HOOKPROOF_SYNC_ALWAYS"`
	AllowedIPs   []string      `name:"allowed-ips" help:"With WEBHOOK_SECRET: addresses or CIDRs that the webhook genesys may come from." env:"ALLOWED_IPS"`
	Audit        string        `help:"Audit lines on standard output, one a verdict: json, text or off." env:"HOOKPROOF_AUDIT" enum:"json,text,off" default:"json"`
}

// Help shows what --help prints below the usage.
func (allCmd) Help() string {
	return `With WEBHOOK_SECRET set (16 bytes or more), the webhook "genesys" is configured by itself.

Examples:
  WEBHOOK_SECRET=... ALLOWED_IPS=203.0.113.0/24 hookproof all
  hookproof all --demo     # with a simulated Genesys Cloud that sends events
  NATS_URL=nats://bus:4222 hookproof all     # on a NATS server that is there already`
}

// Run runs every role until a signal ends it.
func (c *allCmd) Run(ctx context.Context, p *process) error {
	quick, err := c.quickStart(p)
	if err != nil {
		return usageError{err}
	}
	creds, err := readCredentials(p)
	if err != nil {
		return usageError{err}
	}
	t := c.sizeFlags.apply(c.topology())
	b, closeBus, err := c.open(ctx, t, p)
	if err != nil {
		return err
	}
	defer closeBus()
	secrets, err := c.resolver(p)
	if err != nil {
		return err
	}
	r, err := newPool(ctx, "all", c.adminFlags, b, p)
	if err != nil {
		return err
	}
	r.checkStreams(t)
	if c.Demo {
		if creds, quick, err = c.demonstrate(r, quick); err != nil {
			return err
		}
	}
	var names []string
	if quick != nil {
		names = append(names, quick.Webhook)
	}
	if err := r.addIngress(c.httpFlags, names...); err != nil {
		return err
	}
	r.addVerifier(t, 0, secrets, verifier.NewReporter(auditWriter(c.Audit, p.stdout), r.tel.Tracer(), p.log))
	if err := r.addProvisioner(c.genesysFlags, creds, secrets); err != nil {
		return err
	}
	if quick != nil {
		if _, err := (configs{b, telemetry.NewPublishing(r.tel.Tracer(), r.tel.Meter())}).publish(ctx, *quick); err != nil {
			return err
		}
	}
	return r.run(ctx, c.AdminListen)
}

// open connects to the NATS server that is there already, or starts the embedded one, and sets the streams up.
func (c *allCmd) open(ctx context.Context, t bus.Topology, p *process) (*bus.Bus, func(), error) {
	cfg := c.to(c.config("all"), c.NATSURL == "" && c.SyncAlways)
	stop := func() {}
	var embedded *bus.Server
	if c.NATSURL == "" {
		dir, err := dataDir(c.DataDir, p)
		if err != nil {
			return nil, nil, err
		}
		embedded, err = bus.StartServer(bus.ServerConfig{Dir: dir, Listen: c.NATSListen, SyncInterval: c.SyncInterval, SyncAlways: c.SyncAlways}, p.log)
		if err != nil {
			return nil, nil, err
		}
		p.log.Info("embedded NATS server ready", "url", embedded.URL(), "dir", dir)
		cfg.InProcess, stop = embedded, embedded.Shutdown
		if c.XKeyFile == "" {
			if c.XKeyFile, err = ownKey(dir); err != nil {
				stop()
				return nil, nil, err
			}
		}
	}
	b, err := bus.Connect(cfg, p.log)
	if err != nil {
		stop()
		return nil, nil, err
	}
	closeBus := func() { b.Close(); stop() }
	if err := migrate(ctx, b, t, embedded, p); err != nil {
		closeBus()
		return nil, nil, err
	}
	return b, closeBus, nil
}

// migrate sets the streams up. A setting that would have to lose something to be as declared stays, and is safe if Check
// says so: a longer age, a larger size.
func migrate(ctx context.Context, b *bus.Bus, t bus.Topology, embedded *bus.Server, p *process) error {
	plan, err := b.Plan(ctx, t, embedded)
	if err != nil {
		return err
	}
	if refused := plan.Refused(); refused != nil {
		p.log.Warn("stream settings stay as they are", "error", refused)
	}
	if err := b.Apply(ctx, plan); err != nil {
		return err
	}
	return b.Check(ctx, t)
}

// ownKey makes the pool's key in the data directory, once.
func ownKey(dir string) (string, error) {
	path := filepath.Join(dir, "pool.xkey")
	_, err := secret.LoadOrCreateKey(path)
	return path, err
}

// quickStart returns the webhook that WEBHOOK_SECRET and ALLOWED_IPS describe, or nil.
func (c *allCmd) quickStart(p *process) (*webhook.Webhook, error) {
	text, ok := p.lookupEnv("WEBHOOK_SECRET")
	if !ok || text == "" {
		return nil, nil
	}
	if err := secret.CheckLength(secret.New(text)); err != nil {
		return nil, fmt.Errorf("WEBHOOK_SECRET: %w", err)
	}
	w := &webhook.Webhook{Webhook: quickWebhook, Kind: webhook.KindNone, Secret: "env:WEBHOOK_SECRET"}
	for _, entry := range c.AllowedIPs {
		if entry = strings.TrimSpace(entry); entry != "" {
			w.Allowlist = append(w.Allowlist, entry)
		}
	}
	if err := w.Check(webhook.Options{}); err != nil {
		return nil, fmt.Errorf("ALLOWED_IPS: %w", err)
	}
	return w, nil
}

// ingressURL returns where this process's own ingress takes a webhook.
func ingressURL(listen, name string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/webhooks/" + name
}
