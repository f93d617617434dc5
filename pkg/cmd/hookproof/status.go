package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/webhook"
)

type statusCmd struct {
	natsFlags
	Webhook string `arg:"" optional:"" help:"All that is known of this one."`
}

// Help shows what --help prints below the usage.
func (statusCmd) Help() string { return "Examples:\n  hookproof status\n  hookproof status genesys" }

// Run prints what is configured and how full the streams are.
func (c *statusCmd) Run(ctx context.Context, p *process) error {
	b, err := bus.Connect(c.config("status"), p.log)
	if err != nil {
		return err
	}
	defer b.Close()
	if c.Webhook != "" {
		return c.one(ctx, b, p)
	}
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WEBHOOK\tPHASE\tUPDATED\tERROR")
	if err := eachWebhook(ctx, b, func(r webhook.Record) {
		s := r.Status
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Webhook, s.Phase, s.UpdatedAt.Local().Format(time.DateTime), orDash(s.Error))
	}); err != nil {
		return err
	}
	fmt.Fprintln(t, "\nSTREAM\tMESSAGES\tALL TIME\tBYTES\tFILL")
	for _, name := range []string{bus.StreamUnverified, bus.StreamVerified, bus.StreamRejected, bus.StreamParked} {
		s, err := b.State(ctx, name, "")
		if err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.1f%%\n", name, s.Messages, s.LastSequence, s.Bytes, 100*s.Fill())
	}
	backlog, err := b.Backlog(ctx, bus.StreamUnverified, bus.ConsumerVerifier)
	if err != nil {
		return err
	}
	fmt.Fprintf(t, "\nBACKLOG\t%d waiting\t%d in work\t%d of them again\n", backlog.Pending, backlog.AckPending, backlog.Redelivered)
	return t.Flush()
}

// one prints one webhook.
func (c *statusCmd) one(ctx context.Context, b *bus.Bus, p *process) error {
	if !event.ValidWebhook(c.Webhook) {
		return usageError{fmt.Errorf("webhook: %.80q is not 1 to 64 of A-Z a-z 0-9 _ -", c.Webhook)}
	}
	e, err := b.Get(ctx, bus.BucketWebhooks, c.Webhook)
	if errors.Is(err, bus.ErrNotFound) || err == nil && e.Deleted {
		return fmt.Errorf("%s: no such webhook", c.Webhook)
	}
	if err != nil {
		return err
	}
	r, err := webhook.DecodeRecord(e)
	if err != nil {
		return err
	}
	return printWebhook(p.stdout, r)
}

// eachWebhook calls fn with the record of every webhook that the provisioner knows.
func eachWebhook(ctx context.Context, b *bus.Bus, fn func(webhook.Record)) error {
	keys, err := b.Keys(ctx, bus.BucketWebhooks)
	if err != nil {
		return err
	}
	for _, key := range keys {
		e, err := b.Get(ctx, bus.BucketWebhooks, key)
		if err != nil {
			return err
		}
		record, err := webhook.DecodeRecord(e)
		if err != nil {
			return fmt.Errorf("webhooks/%s: %w", key, err)
		}
		fn(record)
	}
	return nil
}
