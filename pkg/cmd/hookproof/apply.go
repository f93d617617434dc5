package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/webhook"
)

type applyCmd struct {
	natsFlags
	sealFlags
	File                string        `short:"f" env:"HOOKPROOF_FILE" help:"The webhook's desired state, YAML or JSON." required:"" type:"existingfile" placeholder:"FILE"`
	Wait                time.Duration `help:"How long to wait until it is done; 0 does not wait." env:"HOOKPROOF_APPLY_WAIT" default:"2m"`
	SealSecret          bool          `help:"Read the secret from standard input, and publish it sealed to the pool's key." env:"HOOKPROOF_SEAL_SECRET"`
	AllowPrivateTargets bool          `help:"Accept target URIs on loopback and private addresses." env:"HOOKPROOF_ALLOW_PRIVATE_TARGETS"`
}

// Help shows what --help prints below the usage.
func (applyCmd) Help() string {
	return "The file is checked whole before anything is published.\n\nExample:\n  hookproof apply -f webhook.yaml"
}

// Run publishes the file and prints each status until the webhook is done or has failed.
func (c *applyCmd) Run(ctx context.Context, p *process) error {
	raw, err := os.ReadFile(c.File)
	if err != nil {
		return usageError{err}
	}
	w, err := webhook.ParseFile(c.File, raw)
	if err == nil && c.SealSecret {
		if w.Secret, err = c.sealed(w.Webhook, p); err != nil {
			return err
		}
	}
	if err := webhook.Merge(err, w.Check(webhook.Options{AllowPrivateTargets: c.AllowPrivateTargets})); err != nil {
		return usageError{fmt.Errorf("%s is refused:%s", c.File, eachField(err))}
	}
	b, err := bus.Connect(c.config("apply"), p.log)
	if err != nil {
		return err
	}
	defer b.Close()
	tel, err := telemetry.Setup(ctx, telemetry.Config{Service: "hookproof-apply", Version: version(), Getenv: p.lookupEnv, Log: p.log})
	if err != nil {
		return err
	}
	defer flush(ctx, tel, p)
	to := configs{b, telemetry.NewPublishing(tel.Tracer(), tel.Meter())}
	if c.Wait <= 0 {
		_, err = to.publish(ctx, w)
		return err
	}
	return c.follow(ctx, to, w, p)
}

// sealed seals what standard input holds.
func (c *applyCmd) sealed(webhook string, p *process) (secret.Ref, error) {
	public, err := c.public()
	if err != nil {
		return "", err
	}
	return sealInput(p.stdin, public, webhook)
}

// eachField puts every wrong field on a line of its own.
func eachField(err error) string {
	fields, ok := errors.AsType[webhook.FieldErrors](err)
	if !ok {
		return " " + err.Error()
	}
	var b strings.Builder
	for _, f := range fields {
		b.WriteString("\n  " + f.Error())
	}
	return b.String()
}

// follow publishes the message and prints the statuses that answer it.
func (c *applyCmd) follow(ctx context.Context, to configs, w webhook.Webhook, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	statuses := make(chan webhook.Status, 64)
	stop, err := to.bus.Listen(event.Subject(webhook.StatusRoot, w.Webhook), func(m *nats.Msg) {
		var s webhook.Status
		if json.Unmarshal(m.Data, &s) == nil {
			select {
			case statuses <- s:
			default: // so many that some may be left out; the last one comes again on the next attempt
			}
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	sequence, err := to.publish(ctx, w)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s: published (%d)\n", w.Webhook, sequence)
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not done after %s; it goes on, see hookproof status", w.Webhook, c.Wait)
		case s := <-statuses:
			switch {
			case s.ConfigSequence < sequence:
				continue
			case s.ConfigSequence > sequence:
				return fmt.Errorf("%s: superseded by a newer message (%d)", w.Webhook, s.ConfigSequence)
			}
			fmt.Fprintln(p.stdout, statusLine(s))
			if s.Phase.Final() {
				return failure(s)
			}
		}
	}
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
