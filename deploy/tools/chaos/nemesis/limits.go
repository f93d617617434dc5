package nemesis

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

// limits are faults of what the machine gives to a process.
func limits() []Scenario {
	return []Scenario{
		{Name: "descriptors", Strikes: "a limit of open files below what is in use, for the ingress, then a verifier, then a nats-server",
			Promise: "what cannot be taken is refused or waits; nothing that was accepted is lost", Run: history.Run{MinVerified: 100, MinFaults: 3},
			Strike: limitFiles},
		{Name: "memory", Strikes: "GOMEMLIMIT=16MiB for every role", Promise: "slower, and no promise broken",
			Run: history.Run{MinVerified: 100, MinFaults: 4}, Strike: limitMemory},
	}
}

func limitFiles(ctx context.Context, r *Rig) error {
	for _, p := range []struct {
		name string
		pid  int
	}{{r.Ingress.Name, r.Ingress.Pid()}, {r.Verifiers[0].Name, r.Verifiers[0].Pid()}, {"nats-server 1", r.Cluster.Pid(0)}} {
		var before unix.Rlimit
		if err := unix.Prlimit(p.pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
			return err
		}
		low := unix.Rlimit{Cur: 8, Max: before.Max}
		if err := unix.Prlimit(p.pid, unix.RLIMIT_NOFILE, &low, nil); err != nil {
			return err
		}
		r.Struck("open files limited", p.name)
		sleep(ctx, 2500*time.Millisecond)
		if err := unix.Prlimit(p.pid, unix.RLIMIT_NOFILE, &before, nil); err != nil {
			return err
		}
		sleep(ctx, 500*time.Millisecond)
	}
	// A write error freezes a stream until its server is started again.
	if err := r.Cluster.Restart(0); err != nil {
		return err
	}
	if err := r.Cluster.WaitHealthy(ctx); err != nil {
		return err
	}
	sleep(ctx, 2*time.Second)
	return nil
}

func limitMemory(ctx context.Context, r *Rig) error {
	for _, p := range r.Roles() {
		p.Env("GOMEMLIMIT=16MiB")
		if err := p.Kill(); err != nil {
			return err
		}
		r.Struck("memory limited", p.Name)
	}
	sleep(ctx, 6*time.Second)
	return nil
}
