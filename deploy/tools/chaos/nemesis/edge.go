package nemesis

import (
	"context"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

// edges are faults of an ingress that stores in a buffer of its own and forwards to a hub.
func edges() []Scenario {
	buffered := target.Options{Buffer: true}
	return []Scenario{
		{Name: "edge-outage", Strikes: "no hub while requests come to an ingress with a buffer, which is killed meanwhile",
			Promise: "requests are accepted all the time, and each is judged once when the hub is back", Options: buffered,
			Run: history.Run{MinVerified: 150, MinFaults: 4}, Strike: edgeOutage},
		{Name: "edge-killed", Strikes: "SIGKILL to an ingress with a buffer: before and after a request is stored there, after it was forwarded, and at random",
			Promise: "what was answered is forwarded, and what is forwarded twice is judged once", Options: buffered,
			Run: history.Run{MinVerified: 100, MinFaults: 8}, Strike: edgeKilled},
		{Name: "edge-deaf", Strikes: "the link from an ingress with a buffer to the hub deaf, half-open, and cut",
			Promise: "what is stored at the hub without anybody knowing is stored or judged once", Options: buffered,
			Run: history.Run{MinVerified: 150, MinFaults: 3}, Strike: edgeLinks},
	}
}

func edgeOutage(ctx context.Context, r *Rig) error {
	for range 2 {
		if err := r.Cluster.KillAll(); err != nil {
			return err
		}
		r.Struck("killed", "all nats-servers")
		sleep(ctx, time.Second)
		if err := r.Ingress.Kill(); err != nil {
			return err
		}
		r.Struck("killed", r.Ingress.Name)
		if err := cluster.Poll(ctx, func() error { return r.Ingress.Ready(ctx) }); err != nil {
			return fmt.Errorf("an ingress with a buffer and without a hub: %w", err)
		}
		before := r.accepted()
		sleep(ctx, 3*time.Second)
		if r.accepted() == before {
			r.Broken("no request was accepted while the hub was away")
		}
		if err := r.Cluster.RestartAll(); err != nil {
			return err
		}
		if err := r.Cluster.WaitHealthy(ctx); err != nil {
			return err
		}
		sleep(ctx, 2*time.Second)
	}
	return nil
}

func edgeKilled(ctx context.Context, r *Rig) error {
	of := []*target.Process{r.Ingress}
	if err := r.killAt(ctx, of, 2, "captured", "stored", "forwarded"); err != nil {
		return err
	}
	if err := r.killAtRandom(ctx, of, 4); err != nil {
		return err
	}
	return nil
}

func edgeLinks(ctx context.Context, r *Rig) error {
	link, err := r.Cluster.Link(r.Ingress.Name)
	if err != nil {
		return err
	}
	for _, fault := range []struct {
		name string
		do   func() error
	}{{"deaf", link.Deafen}, {"half-open", link.HalfOpen}, {"cut", link.Cut}} {
		if err := fault.do(); err != nil {
			return err
		}
		r.Struck(fault.name, r.Ingress.Name)
		before := r.accepted()
		sleep(ctx, 4*time.Second)
		if r.accepted() == before {
			r.Broken("no request was accepted while the link was %s", fault.name)
		}
		if err := link.Heal(); err != nil {
			return err
		}
		sleep(ctx, 2*time.Second)
	}
	return nil
}

// accepted counts the requests that were answered with 2xx so far.
func (r *Rig) accepted() (n int) {
	for _, a := range r.rec.History().Answers {
		if a.Status == 200 {
			n++
		}
	}
	return n
}

// forwarded waits until an ingress with a buffer has nothing left in it. It needs an end of the load.
func (r *Rig) forwarded(ctx context.Context) error {
	return cluster.Poll(ctx, func() error { return r.Ingress.Says(ctx, `"buffer": "empty`) })
}
