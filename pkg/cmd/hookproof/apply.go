package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/webhook"
)

type applyCmd struct {
	natsFlags
	sealFlags
	File                []string      `short:"f" sep:"none" env:"HOOKPROOF_FILE" help:"Desired states: a file, YAML or JSON, a directory of them, or - for standard input. May be repeated." required:"" placeholder:"FILE"`
	DryRun              bool          `help:"Show what would change, and publish nothing." env:"HOOKPROOF_APPLY_DRY_RUN"`
	Prune               bool          `help:"Also remove the webhooks that are in no file." env:"HOOKPROOF_APPLY_PRUNE"`
	Confirm             []string      `help:"With --prune: the names of all the webhooks that may be removed. Without it they are asked for." env:"HOOKPROOF_APPLY_CONFIRM" placeholder:"NAME"`
	Wait                time.Duration `help:"How long to wait until it is done; 0 does not wait." env:"HOOKPROOF_APPLY_WAIT" default:"2m"`
	SealSecret          bool          `help:"Read the secret from standard input, and publish it sealed to the pool's key." env:"HOOKPROOF_SEAL_SECRET"`
	AllowPrivateTargets bool          `help:"Accept target URIs on loopback and private addresses." env:"HOOKPROOF_ALLOW_PRIVATE_TARGETS"`
}

// Help shows what --help prints below the usage.
func (applyCmd) Help() string {
	return `A file holds one webhook or several: YAML documents, or JSON objects one after another. All files are checked whole
before anything is published. Of a directory every .yaml, .yml and .json file is read, those in directories below it too.

--dry-run compares with the state that was accepted last. --prune publishes "state: absent" for each webhook that is in no
file, once those in the files are live; it needs a directory, and the names of what it removes.

Exit codes: 0 done, or with --dry-run nothing to change; 1 failed; 2 wrong usage, or a file is refused; 3 with --dry-run,
something would change.

Examples:
  hookproof apply -f webhook.yaml
  hookproof apply -f webhooks/ --dry-run
  hookproof apply -f webhooks/ --prune --confirm orders,support`
}

// Run publishes what the files say and prints each status until every webhook is done or has failed.
func (c *applyCmd) Run(ctx context.Context, p *process) error {
	documents, err := c.read(p)
	if err != nil {
		return usageError{err}
	}
	b, err := bus.Connect(c.config("apply"), p.log)
	if err != nil {
		return err
	}
	defer b.Close()
	var plan applyPlan
	if c.DryRun || c.Prune {
		if plan, err = planApply(ctx, b, documents, c.Prune); err != nil {
			return err
		}
	}
	if c.DryRun {
		return plan.print(p.stdout)
	}
	if err := c.confirm(plan.remove, p); err != nil {
		return err
	}
	tel, err := telemetry.Setup(ctx, telemetry.Config{Service: "hookproof-apply", Version: version(), Getenv: p.lookupEnv, Log: p.log})
	if err != nil {
		return err
	}
	defer flush(ctx, tel, p)
	to := configs{b, telemetry.NewPublishing(tel.Tracer(), tel.Meter())}
	states := make([]webhook.Webhook, len(documents))
	for i, d := range documents {
		states[i] = d.Webhook
	}
	if err := c.publish(ctx, to, states, p); err != nil {
		return unpruned(err, plan.remove)
	}
	return c.publish(ctx, to, plan.absent(), p)
}

// publish publishes desired states in their order and, where it is asked to wait, follows them.
func (c *applyCmd) publish(ctx context.Context, to configs, states []webhook.Webhook, p *process) error {
	if len(states) == 0 {
		return nil
	}
	if c.Wait > 0 {
		return follow(ctx, to, states, c.Wait, p)
	}
	for _, w := range states {
		if _, err := to.publish(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// statusLine is a status for people: how far the webhook is, and what came of the step that was just taken.
func statusLine(s webhook.Status) string {
	line := fmt.Sprintf("%s: %s", s.Webhook, s.Phase)
	if n := len(s.Steps); n > 0 && !s.Phase.Final() && s.Steps[n-1].Note != "" {
		line += ": " + s.Steps[n-1].Note
	}
	if s.Error != "" {
		line += ": " + s.Error
	}
	if !s.NextTry.IsZero() {
		line += ", next try " + s.NextTry.Local().Format(time.TimeOnly)
	}
	return line
}

// failure returns the error of a final status, or nil.
func failure(s webhook.Status) error {
	switch s.Phase {
	case webhook.PhaseLive, webhook.PhaseRemoved:
		return nil
	}
	return fmt.Errorf("%s: %s", s.Webhook, s.Phase)
}

// configs is where desired states are published, and traced.
type configs struct {
	bus    *bus.Bus
	traced *telemetry.Publishing
}

// publish publishes a desired state and returns its sequence, which statuses refer to.
func (c configs) publish(ctx context.Context, w webhook.Webhook) (sequence uint64, err error) {
	data, err := webhook.Encode(w)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	m := &nats.Msg{Subject: event.Subject(webhook.ConfigRoot, w.Webhook), Header: nats.Header{}, Data: data}
	err = c.traced.Do(ctx, m, func(ctx context.Context) error {
		ack, err := c.bus.Publish(ctx, m)
		sequence = ack.Sequence
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("config.%s: %w", w.Webhook, err)
	}
	return sequence, nil
}
