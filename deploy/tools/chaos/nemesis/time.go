package nemesis

import (
	"context"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

// outages are faults of time: clocks that are apart, and backlogs older than a window.
func outages() []Scenario {
	return []Scenario{
		{Name: "clock-apart", Strikes: "the clock of one verifier ten minutes ahead, then ten minutes behind",
			Promise: "times are held against the time of receipt, so every verdict is as before; readiness turns red",
			Run:     history.Run{MinVerified: 200, MinFaults: 2, ClockSlack: 10 * time.Minute}, Strike: moveClock},
		{Name: "outage-tolerance", Strikes: "no verifier for longer than the tolerance of timestamps",
			Promise: "what waited is judged by its time of receipt: no genuine event is refused for its age",
			Run:     history.Run{MinVerified: 100}, Options: target.Options{Tolerance: 2 * time.Second},
			Strike: func(ctx context.Context, r *Rig) error { return r.outage(ctx, 5*time.Second) }},
		{Name: "outage-duplicate", Strikes: "no verifier for longer than the horizon less a minute",
			Promise: "what waited so long says that it may be a duplicate, and nothing else does",
			Run:     history.Run{MinVerified: 100}, Options: target.Options{Horizon: time.Minute + 2*time.Second},
			Strike: func(ctx context.Context, r *Rig) error { return r.outage(ctx, 6*time.Second) }},
		{Name: "outage-horizon", Strikes: "no verifier for longer than the horizon, killed in the middle of claims before",
			Promise: "a copy that is older than the horizon is parked, never rejected; events come once or say that they may not",
			Run:     history.Run{MinVerified: 100, MinFaults: 3}, Options: target.Options{Horizon: 3 * time.Second},
			Strike: func(ctx context.Context, r *Rig) error {
				if err := r.killAt(ctx, r.Verifiers, 1, "claimed", "published"); err != nil {
					return err
				}
				return r.outage(ctx, 6*time.Second)
			}},
		{Name: "rotation-backlog", Strikes: "secrets replaced while a backlog waits, one of them with a short overlap",
			Promise: "each event is judged by the secrets that were valid at its receipt", Run: history.Run{MinVerified: 150, MinFaults: 3},
			Strike: rotate},
		{Name: "webhook-removed", Strikes: "a webhook removed while a backlog of it waits, and made again with another secret",
			Promise: "what was captured before is judged by the policy of then, never as unknown", Run: history.Run{MinVerified: 150, MinFaults: 2},
			Strike: remove},
	}
}

func moveClock(ctx context.Context, r *Rig) error {
	for _, off := range []string{"10m", "-10m"} {
		v := r.Verifiers[0]
		v.Env("HOOKPROOF_FAILPOINT_CLOCK=" + off)
		if err := v.Kill(); err != nil {
			return err
		}
		r.Struck("clock moved", v.Name+" by "+off)
		sleep(ctx, 3*time.Second)
		if v.Ready(ctx) == nil {
			r.Broken("%s calls itself ready with its clock off by %s", v.Name, off)
		}
	}
	return r.Verifiers[0].Kill() // and comes back with the right time
}

// outage keeps every verifier away.
func (r *Rig) outage(ctx context.Context, lasts time.Duration) error {
	for _, v := range r.Verifiers {
		if err := v.Down(); err != nil {
			return err
		}
	}
	r.Struck("away", "every verifier")
	sleep(ctx, lasts)
	for _, v := range r.Verifiers {
		v.Up()
	}
	sleep(ctx, 2*time.Second)
	return nil
}

func rotate(ctx context.Context, r *Rig) error {
	for _, v := range r.Verifiers {
		if err := v.Down(); err != nil {
			return err
		}
	}
	r.Struck("away", "every verifier")
	for i, overlap := range []time.Duration{10 * time.Minute, 2 * time.Second, 10 * time.Minute} {
		sleep(ctx, time.Second)
		w := r.Webhooks[i%len(r.Webhooks)]
		if err := r.Configure(ctx, w, target.Change{Overlap: overlap}); err != nil {
			return err
		}
		r.Struck("secret replaced", w.Name+", overlap "+overlap.String())
	}
	sleep(ctx, 3*time.Second)
	for _, v := range r.Verifiers {
		v.Up()
	}
	sleep(ctx, time.Second)
	for _, w := range r.Webhooks { // and again under load, with verifiers at work
		if err := r.Configure(ctx, w, target.Change{}); err != nil {
			return err
		}
	}
	sleep(ctx, time.Second)
	return nil
}

func remove(ctx context.Context, r *Rig) error {
	w := r.Webhooks[r.Rng.IntN(len(r.Webhooks))]
	for _, v := range r.Verifiers {
		if err := v.Down(); err != nil {
			return err
		}
	}
	r.Struck("away", "every verifier")
	sleep(ctx, 2*time.Second)
	removed := make(chan error, 1)
	go func() { removed <- r.Remove(ctx, w) }()
	sleep(ctx, 2*time.Second)
	r.Struck("removed", w.Name)
	select {
	case err := <-removed:
		r.Broken("%s was removed before its backlog was judged (%v)", w.Name, err)
	default:
	}
	for _, v := range r.Verifiers {
		v.Up()
	}
	if err := <-removed; err != nil {
		return err
	}
	sleep(ctx, time.Second)
	if err := r.Configure(ctx, w, target.Change{}); err != nil {
		return err
	}
	sleep(ctx, 2*time.Second)
	return nil
}
