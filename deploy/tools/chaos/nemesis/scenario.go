package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/load"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

// Scenario is one kind of fault.
type Scenario struct {
	Name    string
	Strikes string // what strikes
	Promise string // what must hold nevertheless
	Nodes   int    // of nats-server, where it needs as many; 0: any number
	Short   bool   // part of the short form
	// Options shape the deployment, and Run says what makes the run count and what it may do.
	Options target.Options
	Run     history.Run
	// Strike strikes while the load runs, and mends what does not mend itself. Its error makes the run worthless.
	Strike func(ctx context.Context, r *Rig) error
}

// Rig is what a scenario strikes at. Its Rng draws by the seed of the run; only Strike may use it.
type Rig struct {
	*target.Deployment
	Rng  *rand.Rand
	Load *load.Load
	rec  *history.Recorder
}

// Broken records that something did not hold.
func (r *Rig) Broken(format string, args ...any) {
	r.rec.Broken(history.Broken{Promise: fmt.Sprintf(format, args...), At: time.Now()})
}

// pause waits between the given bounds.
func (r *Rig) pause(ctx context.Context, least, most time.Duration) {
	sleep(ctx, least+time.Duration(r.Rng.Int64N(int64(most-least)+1)))
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// verifier returns one of the verifiers by chance.
func (r *Rig) verifier() *target.Process { return r.Verifiers[r.Rng.IntN(len(r.Verifiers))] }

// struck waits until there are more than so many blows: a failpoint has been reached.
func (r *Rig) struck(ctx context.Context, before int, what string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err := cluster.Poll(ctx, func() error {
		if r.rec.Faults() <= before {
			return fmt.Errorf("%s was not reached", what)
		}
		return nil
	})
	return err
}

// All lists every scenario.
func All() []Scenario {
	var all []Scenario
	for _, part := range [][]Scenario{processes(), provisioning(), servers(), storage(), outages(), messages(), limits(), links(), edges(), clusters(), partitions()} {
		all = append(all, part...)
	}
	return all
}
