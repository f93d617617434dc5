package nemesis

import (
	"context"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

// processes are faults of hookproof's own processes.
func processes() []Scenario {
	return []Scenario{
		{Name: "verifier-killed", Strikes: "SIGKILL to a verifier at each step of the claim protocol, twice", Short: true,
			Promise: "each event verified once, none lost", Run: history.Run{MinVerified: 200, MinFaults: 8},
			Strike: func(ctx context.Context, r *Rig) error {
				return r.killAt(ctx, r.Verifiers, 2, "fetched", "decided", "claimed", "published")
			}},
		{Name: "ingress-killed", Strikes: "SIGKILL to the ingress before and after it stored a request, and at random",
			Promise: "what was answered with 2xx is stored, what was not may be", Run: history.Run{MinVerified: 150, MinFaults: 8},
			Strike: func(ctx context.Context, r *Rig) error {
				if err := r.killAt(ctx, []*target.Process{r.Ingress}, 3, "captured", "stored"); err != nil {
					return err
				}
				return r.killAtRandom(ctx, []*target.Process{r.Ingress}, 3)
			}},
		{Name: "roles-killed", Strikes: "SIGKILL to every role at random", Promise: "each event verified once, none lost",
			Run: history.Run{MinVerified: 200, MinFaults: 12},
			Strike: func(ctx context.Context, r *Rig) error {
				return r.killAtRandom(ctx, r.Roles(), 14)
			}},
		{Name: "verifier-stopped", Strikes: "SIGSTOP to a verifier for longer than the acknowledgement wait, then SIGCONT; stalls at each step",
			Promise: "another takes over; the sleeper's late publish changes nothing", Run: history.Run{MinVerified: 200, MinFaults: 5},
			Strike: stopVerifiers},
		{Name: "ingress-stopped", Strikes: "SIGSTOP to the ingress for 4 s and for 11 s, longer than a sender waits",
			Promise: "what a sender gave up may be stored, and is then judged as any other", Run: history.Run{MinVerified: 100, MinFaults: 2},
			Strike: stopIngress},
		{Name: "roles-terminated", Strikes: "SIGTERM to every role with requests in flight, as a rolling restart does",
			Promise: "each ends by itself with exit code 0; nothing is lost", Run: history.Run{MinVerified: 200, MinFaults: 8},
			Strike: terminate},
	}
}

// killAt lets processes die at each of the steps, so many times.
func (r *Rig) killAt(ctx context.Context, of []*target.Process, times int, steps ...string) error {
	for range times {
		for _, step := range steps {
			p := of[r.Rng.IntN(len(of))]
			failpoint := fmt.Sprintf("%s:%d:kill", step, 1+r.Rng.IntN(30))
			before := r.rec.Faults()
			p.Env("HOOKPROOF_FAILPOINT=" + failpoint)
			if err := p.Kill(); err != nil {
				return err
			}
			if err := r.struck(ctx, before, p.Name+" at "+failpoint); err != nil {
				return err
			}
		}
	}
	return nil
}

// killAtRandom kills one process after the other, so many times in all.
func (r *Rig) killAtRandom(ctx context.Context, of []*target.Process, times int) error {
	for killed := 0; killed < times && ctx.Err() == nil; killed++ {
		r.pause(ctx, 100*time.Millisecond, 700*time.Millisecond)
		p := of[r.Rng.IntN(len(of))]
		if p.Pid() == 0 {
			killed-- // it has not come back yet
			continue
		}
		if err := p.Kill(); err != nil {
			return err
		}
		r.Struck("killed", p.Name)
	}
	return nil
}

func stopVerifiers(ctx context.Context, r *Rig) error {
	for range 2 {
		v := r.verifier()
		if err := v.Stop(); err != nil {
			return err
		}
		r.Struck("stopped", v.Name)
		sleep(ctx, r.AckWait+1500*time.Millisecond)
		if err := v.Cont(); err != nil {
			return err
		}
		r.pause(ctx, 100*time.Millisecond, 500*time.Millisecond)
	}
	for _, step := range []string{"decided", "claimed", "published"} {
		v := r.verifier()
		v.Env(fmt.Sprintf("HOOKPROOF_FAILPOINT=%s:%d:stall:%s", step, 1+r.Rng.IntN(20), r.AckWait+time.Second))
		if err := v.Kill(); err != nil {
			return err
		}
		r.Struck("stalled", v.Name+" at "+step)
		sleep(ctx, r.AckWait+1500*time.Millisecond)
	}
	return nil
}

func stopIngress(ctx context.Context, r *Rig) error {
	for _, lasts := range []time.Duration{4 * time.Second, 11 * time.Second} {
		if err := r.Ingress.Stop(); err != nil {
			return err
		}
		r.Struck("stopped", r.Ingress.Name)
		sleep(ctx, lasts)
		if err := r.Ingress.Cont(); err != nil {
			return err
		}
		sleep(ctx, 1500*time.Millisecond)
	}
	return nil
}

func terminate(ctx context.Context, r *Rig) error {
	for range 2 {
		for _, p := range r.Roles() {
			r.pause(ctx, 200*time.Millisecond, 600*time.Millisecond)
			if err := cluster.Poll(ctx, func() error { return p.Ready(ctx) }); err != nil {
				return err
			}
			if err := p.Term(); err != nil {
				r.Broken("%v", err)
			}
			r.Struck("terminated", p.Name)
		}
	}
	return nil
}
