package nemesis

import (
	"context"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

// clusters are faults that only a cluster can have: every stream is on three servers.
func clusters() []Scenario {
	return []Scenario{
		{Name: "leader-killed", Nodes: 3, Strikes: "SIGKILL to the leader of UNVERIFIED, of VERIFIED and of the claims",
			Promise: "two of three hold everything; nothing is lost, nothing twice", Run: history.Run{MinVerified: 100, MinFaults: 3},
			Strike: killLeaders},
		{Name: "minority-cut", Nodes: 3, Strikes: "the leader of UNVERIFIED, then of the claims, cut off from the other two",
			Promise: "the majority goes on; what the minority said is not taken for an answer", Run: history.Run{MinVerified: 100, MinFaults: 2},
			Strike: func(ctx context.Context, r *Rig) error {
				return r.isolate(ctx, cluster.Links.Cut, 5*time.Second, target.Unverified, "KV_replay-body")
			}},
		{Name: "minority-half-open", Nodes: 3, Strikes: "the same, but connections stay open and carry nothing",
			Promise: "as above", Run: history.Run{MinVerified: 100, MinFaults: 2},
			Strike: func(ctx context.Context, r *Rig) error {
				return r.isolate(ctx, cluster.Links.HalfOpen, 6*time.Second, target.Verified, "KV_replay-body")
			}},
		{Name: "no-majority", Nodes: 3, Strikes: "every server cut off from every other", Promise: "503; nothing is answered with 2xx that a majority does not hold",
			Run: history.Run{MinVerified: 50, MinFaults: 2}, Strike: cutAll},
		{Name: "routes-slow", Nodes: 3, Strikes: "60 ms more each way, give or take 50, between all servers", Promise: "slower, and no promise broken",
			Run: history.Run{MinVerified: 50, MinFaults: 1}, Strike: slowRoutes},
	}
}

func killLeaders(ctx context.Context, r *Rig) error {
	for _, stream := range []string{target.Unverified, target.Verified, "KV_replay-body"} {
		leader, err := r.Cluster.WaitLeader(ctx, stream)
		if err != nil {
			return err
		}
		if err := r.Cluster.Kill(leader); err != nil {
			return err
		}
		r.Struck("killed", fmt.Sprintf("nats-server %d, leader of %s", leader+1, stream))
		r.pause(ctx, time.Second, 3*time.Second)
		if err := r.Cluster.Restart(leader); err != nil {
			return err
		}
		if err := r.Cluster.WaitHealthy(ctx); err != nil {
			return err
		}
		sleep(ctx, time.Second)
	}
	return nil
}

// isolate parts the leader of each stream from the others for a while.
func (r *Rig) isolate(ctx context.Context, how func(cluster.Links) error, lasts time.Duration, streams ...string) error {
	for _, stream := range streams {
		leader, err := r.Cluster.WaitLeader(ctx, stream)
		if err != nil {
			return err
		}
		if err := r.strikeRoutes(ctx, r.Cluster.Around(leader), how, lasts, fmt.Sprintf("nats-server %d, leader of %s", leader+1, stream)); err != nil {
			return err
		}
	}
	return nil
}

func cutAll(ctx context.Context, r *Rig) error {
	for range 2 {
		if err := r.strikeRoutes(ctx, r.allRoutes(), cluster.Links.Cut, 4*time.Second, "every route"); err != nil {
			return err
		}
	}
	return nil
}

func slowRoutes(ctx context.Context, r *Rig) error {
	slow := func(l cluster.Links) error { return l.Slow(60*time.Millisecond, 50*time.Millisecond) }
	return r.strikeRoutes(ctx, r.allRoutes(), slow, 6*time.Second, "every route")
}

func (r *Rig) allRoutes() (all cluster.Links) {
	for i := range r.Cluster.Len() {
		for j := range i {
			all = append(all, r.Cluster.Route(i, j)...)
		}
	}
	return all
}

func (r *Rig) strikeRoutes(ctx context.Context, routes cluster.Links, how func(cluster.Links) error, lasts time.Duration, what string) error {
	if err := how(routes); err != nil {
		return err
	}
	r.Struck("routes", what)
	sleep(ctx, lasts)
	if err := routes.Heal(); err != nil {
		return err
	}
	if err := r.Cluster.WaitHealthy(ctx); err != nil {
		return err
	}
	sleep(ctx, 1500*time.Millisecond)
	return nil
}
