package nemesis

import (
	"context"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

// partitions are the less tidy faults of a cluster: one server that is neither there nor gone.
func partitions() []Scenario {
	return []Scenario{
		{Name: "leader-stopped", Nodes: 3, Strikes: "SIGSTOP to the leader of UNVERIFIED, then of the claims, until another leads; then SIGCONT",
			Promise: "what the former leader still says is not taken for an answer", Run: history.Run{MinVerified: 100, MinFaults: 2},
			Strike: stopLeaders},
		{Name: "route-cut", Nodes: 3, Strikes: "the one route between the leader of UNVERIFIED and a follower, while both reach the third server",
			Promise: "a majority that is not everybody's goes on", Run: history.Run{MinVerified: 100, MinFaults: 2}, Strike: cutOneRoute},
		{Name: "server-slow", Nodes: 3, Strikes: "300 ms more each way, give or take 200, around the leader of the claims",
			Promise: "slower, and no promise broken", Run: history.Run{MinVerified: 50, MinFaults: 1}, Strike: slowLeader},
		{Name: "server-lost", Nodes: 3, Strikes: "SIGKILL to a nats-server and all its files gone; it comes back empty; once it has caught up the next",
			Promise: "two copies of three are enough, and the third becomes one again", Run: history.Run{MinVerified: 100, MinFaults: 3}, Strike: loseServers},
	}
}

func stopLeaders(ctx context.Context, r *Rig) error {
	for _, stream := range []string{target.Unverified, "KV_replay-body"} {
		leader, err := r.Cluster.WaitLeader(ctx, stream)
		if err != nil {
			return err
		}
		if err := r.Cluster.Stop(leader); err != nil {
			return err
		}
		r.Struck("stopped", fmt.Sprintf("nats-server %d, leader of %s", leader+1, stream))
		_, err = r.Cluster.WaitLeader(ctx, stream, leader)
		sleep(ctx, 2*time.Second)
		if err := r.Cluster.Cont(leader); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		if err := r.Cluster.WaitHealthy(ctx); err != nil {
			return err
		}
		sleep(ctx, time.Second)
	}
	return nil
}

func cutOneRoute(ctx context.Context, r *Rig) error {
	for range 2 {
		leader, err := r.Cluster.WaitLeader(ctx, target.Unverified)
		if err != nil {
			return err
		}
		follower := (leader + 1 + r.Rng.IntN(r.Cluster.Len()-1)) % r.Cluster.Len()
		what := fmt.Sprintf("from nats-server %d, leader of %s, to %d", leader+1, target.Unverified, follower+1)
		if err := r.strikeRoutes(ctx, r.Cluster.Route(leader, follower), cluster.Links.Cut, 8*time.Second, what); err != nil {
			return err
		}
	}
	return nil
}

func slowLeader(ctx context.Context, r *Rig) error {
	leader, err := r.Cluster.WaitLeader(ctx, "KV_replay-body")
	if err != nil {
		return err
	}
	slow := func(l cluster.Links) error { return l.Slow(300*time.Millisecond, 200*time.Millisecond) }
	return r.strikeRoutes(ctx, r.Cluster.Around(leader), slow, 8*time.Second, fmt.Sprintf("around nats-server %d, leader of KV_replay-body", leader+1))
}

func loseServers(ctx context.Context, r *Rig) error {
	for i := range r.Cluster.Len() {
		if err := r.Cluster.Lose(i); err != nil {
			return err
		}
		r.Struck("lost", fmt.Sprintf("nats-server %d with its files", i+1))
		r.pause(ctx, time.Second, 2*time.Second)
		if err := r.Cluster.Restart(i); err != nil {
			return err
		}
		if err := r.Cluster.WaitHealthy(ctx); err != nil {
			return err
		}
		sleep(ctx, time.Second)
	}
	return nil
}
