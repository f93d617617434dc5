package nemesis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

// servers are faults of nats-server and of what an administrator can do to it.
func servers() []Scenario {
	return []Scenario{
		{Name: "server-killed", Strikes: "SIGKILL to a nats-server under load, and its restart on its files", Short: true,
			Promise: "what was answered with 2xx outlives the process; 503 meanwhile", Run: history.Run{MinVerified: 100, MinFaults: 3},
			Strike: killServers},
		{Name: "server-stopped", Strikes: "SIGSTOP to a nats-server for 5 s, then SIGCONT", Promise: "unanswered publishes are tried again under the same id",
			Run: history.Run{MinVerified: 100, MinFaults: 2}, Strike: stopServers},
		{Name: "servers-killed", Strikes: "SIGKILL to all nats-servers at once, while the roles live", Promise: "the same, and the roles come back by themselves",
			Run:    history.Run{MinVerified: 100, MinFaults: 2},
			Strike: func(ctx context.Context, r *Rig) error { return killAll(ctx, r, "all nats-servers", r.Cluster.KillAll) }},
		{Name: "everything-killed", Strikes: "SIGKILL to every process at once, all nats-servers included",
			Promise: "what was answered with 2xx outlives them all", Run: history.Run{MinVerified: 100, MinFaults: 2},
			Strike: func(ctx context.Context, r *Rig) error { return killAll(ctx, r, "everything", r.killTogether) }},
		{Name: "claims-deleted", Strikes: "both buckets of replay keys deleted, and made again by hookproof setup",
			Promise: "fail closed: nothing is verified without a claim; afterwards only what was forgotten may be verified again",
			Run:     history.Run{MinVerified: 100, Forgets: 1}, Strike: deleteClaims},
		{Name: "consumer-deleted", Strikes: "the verifiers' durable consumer deleted, and made again by hookproof setup",
			Promise: "requests are accepted meanwhile and judged afterwards, each once", Run: history.Run{MinVerified: 100},
			Strike: deleteConsumer},
	}
}

// node returns one of the nats-servers by chance.
func (r *Rig) node() int { return r.Rng.IntN(r.Cluster.Len()) }

func killServers(ctx context.Context, r *Rig) error {
	for range 3 {
		i := r.node()
		if err := r.Cluster.Kill(i); err != nil {
			return err
		}
		r.Struck("killed", fmt.Sprintf("nats-server %d", i+1))
		r.pause(ctx, 200*time.Millisecond, 1500*time.Millisecond)
		if err := r.Cluster.Restart(i); err != nil {
			return err
		}
		if err := r.Cluster.WaitHealthy(ctx); err != nil {
			return err
		}
		r.pause(ctx, time.Second, 2*time.Second)
	}
	return nil
}

func stopServers(ctx context.Context, r *Rig) error {
	for range 2 {
		i := r.node()
		if err := r.Cluster.Stop(i); err != nil {
			return err
		}
		r.Struck("stopped", fmt.Sprintf("nats-server %d", i+1))
		sleep(ctx, 5*time.Second)
		if err := r.Cluster.Cont(i); err != nil {
			return err
		}
		r.pause(ctx, time.Second, 2*time.Second)
	}
	return nil
}

// killAll kills whatever kill kills, nats-servers among it, and starts those again.
func killAll(ctx context.Context, r *Rig, what string, kill func() error) error {
	for range 2 {
		if err := kill(); err != nil {
			return err
		}
		r.Struck("killed", what)
		r.pause(ctx, 100*time.Millisecond, time.Second)
		if err := r.Cluster.RestartAll(); err != nil {
			return err
		}
		if err := r.Cluster.WaitHealthy(ctx); err != nil {
			return err
		}
		r.pause(ctx, 2*time.Second, 3*time.Second)
	}
	return nil
}

func (r *Rig) killTogether() error {
	var all sync.WaitGroup
	errs := make([]error, len(r.Roles())+1)
	for i, p := range r.Roles() {
		all.Go(func() { errs[i] = p.Kill() })
	}
	all.Go(func() { errs[len(errs)-1] = r.Cluster.KillAll() })
	all.Wait()
	return errors.Join(errs...)
}

func deleteClaims(ctx context.Context, r *Rig) error {
	for _, bucket := range []string{"KV_replay-body", "KV_replay-signed"} {
		if err := r.Admin.DeleteStream(ctx, bucket); err != nil {
			return err
		}
	}
	r.Struck("deleted", "replay-body, replay-signed")
	sleep(ctx, 2500*time.Millisecond) // claimed before, published since
	before, err := r.Admin.State(ctx, target.Verified)
	if err != nil {
		return err
	}
	sleep(ctx, 2*time.Second)
	after, err := r.Admin.State(ctx, target.Verified)
	if err != nil {
		return err
	}
	if after.Msgs != before.Msgs {
		r.Broken("%d events were verified while there was nothing to claim in", after.Msgs-before.Msgs)
	}
	return r.setupAgain(ctx)
}

func deleteConsumer(ctx context.Context, r *Rig) error {
	if err := r.Admin.DeleteConsumer(ctx); err != nil {
		return err
	}
	r.Struck("deleted", "consumer "+target.Consumer)
	sleep(ctx, 2*time.Second)
	if err := r.verifier().Ready(ctx); err == nil {
		r.Broken("a verifier without its consumer calls itself ready")
	}
	return r.setupAgain(ctx)
}

// setupAgain makes what is missing, as an administrator would, and waits until it works.
func (r *Rig) setupAgain(ctx context.Context) error {
	if err := r.Setup(ctx); err != nil {
		return err
	}
	if err := r.Admin.SetAckWait(ctx, r.AckWait); err != nil {
		return err
	}
	sleep(ctx, 2*time.Second)
	return nil
}
