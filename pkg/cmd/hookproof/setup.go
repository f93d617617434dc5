package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
)

// Server memory that a key and a message id take, measured on nats-server 2.15.
const (
	bytesPerKey = 350
	bytesPerID  = 145
)

type setupCmd struct {
	natsFlags
	topologyFlags
	sizeFlags
}

// Help shows what --help prints below the usage.
func (setupCmd) Help() string {
	return "Running it again changes nothing, and it never deletes.\n\nExample:\n  NATS_URL=nats://bus:4222 hookproof setup --replicas 3"
}

// Run makes what is missing, and says what it costs.
func (c *setupCmd) Run(ctx context.Context, p *process) error {
	b, err := bus.Connect(c.config("setup"), p.log)
	if err != nil {
		return err
	}
	defer b.Close()
	t := c.sizeFlags.apply(c.topology())
	if err := b.Setup(ctx, t, nil); err != nil {
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

func memory(life time.Duration, each int) string {
	n := 100 * int64(life.Seconds())
	return fmt.Sprintf("%d x %d B = %d MiB (they live %s)", n, each, n*int64(each)>>20, life)
}
