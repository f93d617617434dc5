package main

import (
	"context"
	"fmt"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/verifier"
)

type ingressCmd struct {
	natsFlags
	commitFlags
	topologyFlags
	adminFlags
	httpFlags
	bufferFlags
}

// Help shows what --help prints below the usage.
func (ingressCmd) Help() string {
	return `With a buffer, a sender is answered with 200 once the request is on this machine's disk, whether NATS can be reached or
not, and the request is forwarded as soon as it can. The routes are kept there too. deploy/edge.md says how large it has to be.

Examples:
  NATS_URL=nats://bus:4222 hookproof ingress --listen :8443 --tls-cert cert.pem --tls-key key.pem
  NATS_URL=tls://hub:4222 HOOKPROOF_BUFFER_DIR=/var/lib/hookproof hookproof ingress`
}

// Run runs an ingress until a signal ends it.
func (c *ingressCmd) Run(ctx context.Context, p *process) error {
	if c.BufferDir != "" {
		return c.runBuffered(ctx, p)
	}
	b, err := connect(ctx, c.to(c.config("ingress"), false), c.topology(), bus.IngressStreams(), p)
	if err != nil {
		return err
	}
	defer b.Close()
	r, err := newPool(ctx, "ingress", c.adminFlags, b, p)
	if err != nil {
		return err
	}
	r.checkStreams(c.topology(), bus.IngressStreams()...)
	if err := r.addIngress(c.httpFlags); err != nil {
		return err
	}
	return r.run(ctx, c.AdminListen)
}

type verifierCmd struct {
	natsFlags
	commitFlags
	topologyFlags
	adminFlags
	secretFlags
	Audit       string `help:"Audit lines on standard output, one a verdict: json, text or off." env:"HOOKPROOF_AUDIT" enum:"json,text,off" default:"json"`
	Concurrency int    `help:"Messages in work at once." env:"HOOKPROOF_CONCURRENCY" default:"512"`
}

// Validate reports a bad setting.
func (c verifierCmd) Validate() error {
	if c.Concurrency < 1 || c.Concurrency > 4096 {
		return fmt.Errorf("concurrency: %d is not between 1 and 4096", c.Concurrency)
	}
	return nil
}

// Help shows what --help prints below the usage.
func (verifierCmd) Help() string {
	return "Example:\n  NATS_URL=nats://bus:4222 HOOKPROOF_SECRET_DIR=/run/secrets hookproof verifier"
}

// Run runs a verifier until a signal ends it.
func (c *verifierCmd) Run(ctx context.Context, p *process) error {
	secrets, err := c.resolver(p)
	if err != nil {
		return err
	}
	b, err := connect(ctx, c.to(c.config("verifier"), false), c.topology(), bus.VerifierStreams(), p)
	if err != nil {
		return err
	}
	defer b.Close()
	r, err := newPool(ctx, "verifier", c.adminFlags, b, p)
	if err != nil {
		return err
	}
	r.checkStreams(c.topology(), bus.VerifierStreams()...)
	r.addVerifier(c.topology(), c.Concurrency, secrets, verifier.NewReporter(auditWriter(c.Audit, p.stdout), r.tel.Tracer(), p.log))
	return r.run(ctx, c.AdminListen)
}

type provisionerCmd struct {
	natsFlags
	topologyFlags
	adminFlags
	secretFlags
	genesysFlags
}

// Help shows what --help prints below the usage.
func (provisionerCmd) Help() string {
	return `Without credentials of Genesys Cloud it serves webhooks of the kind none only.

Example:
  NATS_URL=nats://bus:4222 GENESYS_ENVIRONMENT=mypurecloud.ie GENESYS_CLIENT_ID=... GENESYS_CLIENT_SECRET=... hookproof provisioner`
}

// Run runs a provisioner until a signal ends it.
func (c *provisionerCmd) Run(ctx context.Context, p *process) error {
	creds, err := readCredentials(p)
	if err != nil {
		return usageError{err}
	}
	secrets, err := c.resolver(p)
	if err != nil {
		return err
	}
	b, err := connect(ctx, c.config("provisioner"), c.topology(), bus.ProvisionerStreams(), p)
	if err != nil {
		return err
	}
	defer b.Close()
	r, err := newPool(ctx, "provisioner", c.adminFlags, b, p)
	if err != nil {
		return err
	}
	r.checkStreams(c.topology(), bus.ProvisionerStreams()...)
	if err := r.addProvisioner(c.genesysFlags, creds, secrets); err != nil {
		return err
	}
	return r.run(ctx, c.AdminListen)
}
