package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
)

// Server memory that a key and a message id take, measured on nats-server 2.15.
const (
	bytesPerKey = 440
	bytesPerID  = 260
)

type setupCmd struct {
	natsFlags
	topologyFlags
	sizeFlags
	DryRun bool `help:"Show what would change, and change nothing." env:"HOOKPROOF_SETUP_DRY_RUN"`
}

// Help shows what --help prints below the usage.
func (setupCmd) Help() string {
	return `Running it again changes nothing. It never deletes, and roles may run meanwhile. Where a change would lose what is
stored, it changes nothing at all and says why.

Exit codes: 0 all is as it must be; 1 failed or refused; 2 wrong usage; 3 with --dry-run, something would change.

Examples:
  NATS_URL=nats://bus:4222 hookproof setup --replicas 3
  NATS_URL=nats://bus:4222 hookproof setup --dry-run`
}

// Run makes what is missing, and says what it costs.
func (c *setupCmd) Run(ctx context.Context, p *process) error {
	b, err := bus.Connect(c.config("setup"), p.log)
	if err != nil {
		return err
	}
	defer b.Close()
	t := c.sizeFlags.apply(c.topology())
	plan, err := b.Plan(ctx, t, nil)
	if err != nil {
		return err
	}
	printPlan(p.stdout, plan)
	switch refused := plan.Refused(); {
	case refused != nil:
		return fmt.Errorf("nothing was changed\n%w\nwhoever accepts such a loss makes the change by hand: nats stream edit, nats consumer edit", refused)
	case c.DryRun && len(plan) > 0:
		return errChanges
	}
	if err := b.Apply(ctx, plan); err != nil {
		return err
	}
	if err := b.Check(ctx, t); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "streams, buckets and consumers are as they must be")
	fmt.Fprintf(p.stdout, "memory of the NATS server at 100 verified events a second:\n")
	fmt.Fprintf(p.stdout, "  replay keys   %s\n", memory(c.ReplayMemory, bytesPerKey))
	fmt.Fprintf(p.stdout, "  message ids   %s\n", memory(c.Horizon+15*time.Minute, bytesPerID))
	return nil
}

// printPlan prints each change, and each setting from what it is to what it shall be.
func printPlan(out io.Writer, plan bus.Plan) {
	for _, c := range plan {
		verb := "change"
		if c.Make {
			verb = "make"
		}
		fmt.Fprintf(out, "%s %s %s\n", verb, c.Kind, c.Name)
		for _, s := range c.Settings {
			fmt.Fprintf(out, "  %s: %s -> %s\n", s.Name, s.From, s.To)
			if s.Refused != "" {
				fmt.Fprintf(out, "    refused: %s\n", s.Refused)
			}
		}
	}
}

func memory(life time.Duration, each int) string {
	n := 100 * int64(life.Seconds())
	return fmt.Sprintf("%d x %d B = %d MiB (they live %s)", n, each, n*int64(each)>>20, life)
}
