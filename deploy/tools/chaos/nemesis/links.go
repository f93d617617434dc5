package nemesis

import (
	"context"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

// links are faults of the ways between the roles and the servers.
func links() []Scenario {
	return []Scenario{
		{Name: "link-cut", Strikes: "connections of each role closed and refused", Promise: "each comes back by itself",
			Run: history.Run{MinVerified: 100, MinFaults: 3},
			Strike: func(ctx context.Context, r *Rig) error {
				return r.breakLinks(ctx, "cut", 2*time.Second, (*cluster.Link).Cut)
			}},
		{Name: "link-half-open", Strikes: "connections of each role that live and carry nothing", Promise: "503 or waiting, nothing lost, nothing twice",
			Run: history.Run{MinVerified: 100, MinFaults: 3},
			Strike: func(ctx context.Context, r *Rig) error {
				return r.breakLinks(ctx, "half-open", 4*time.Second, (*cluster.Link).HalfOpen)
			}},
		{Name: "link-deaf", Strikes: "connections of each role on which requests arrive and answers vanish",
			Promise: "what is stored without anybody knowing is tried again and stored once", Run: history.Run{MinVerified: 100, MinFaults: 3},
			Strike: func(ctx context.Context, r *Rig) error {
				return r.breakLinks(ctx, "deaf", 4*time.Second, (*cluster.Link).Deafen)
			}},
		{Name: "deaf-then-killed", Strikes: "the ingress hears no answers, and before it tries again the nats-server is killed and started",
			Promise: "a server that started anew has forgotten the ids of consumed messages: what is stored under one id twice is verified once",
			Run:     history.Run{MinVerified: 100, MinFaults: 3}, Strike: deafThenKilled},
		{Name: "link-slow", Strikes: "80 ms more each way, give or take 60, for each role", Promise: "slower, and no promise broken",
			Run: history.Run{MinVerified: 50, MinFaults: 3},
			Strike: func(ctx context.Context, r *Rig) error {
				return r.breakLinks(ctx, "slow", 3*time.Second, func(l *cluster.Link) error { return l.Slow(80*time.Millisecond, 60*time.Millisecond) })
			}},
	}
}

// breakLinks breaks the link of the ingress, of one verifier, and of all verifiers, one after the other.
func (r *Rig) breakLinks(ctx context.Context, how string, lasts time.Duration, do func(*cluster.Link) error) error {
	var all []string
	for _, v := range r.Verifiers {
		all = append(all, v.Name)
	}
	for _, names := range [][]string{{r.Ingress.Name}, {r.verifier().Name}, all} {
		for _, name := range names {
			link, err := r.Cluster.Link(name)
			if err != nil {
				return err
			}
			if err := do(link); err != nil {
				return err
			}
			defer link.Heal()
		}
		r.Struck(how, fmt.Sprint(names))
		sleep(ctx, lasts)
		for _, name := range names {
			link, err := r.Cluster.Link(name)
			if err != nil {
				return err
			}
			if err := link.Heal(); err != nil {
				return err
			}
		}
		sleep(ctx, time.Second)
	}
	return nil
}

func deafThenKilled(ctx context.Context, r *Rig) error {
	link, err := r.Cluster.Link(r.Ingress.Name)
	if err != nil {
		return err
	}
	for range 3 {
		if err := link.Deafen(); err != nil {
			return err
		}
		r.pause(ctx, 500*time.Millisecond, 1500*time.Millisecond) // what is stored now is judged and consumed
		if err := r.Cluster.RestartAll(); err != nil {
			return err
		}
		r.Struck("deaf, then killed", r.Ingress.Name)
		if err := link.Heal(); err != nil {
			return err
		}
		if err := r.Cluster.WaitHealthy(ctx); err != nil {
			return err
		}
		r.pause(ctx, time.Second, 2*time.Second)
	}
	return nil
}
