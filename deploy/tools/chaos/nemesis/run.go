package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/check"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/load"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

// Config is what the scenarios of one call have in common.
type Config struct {
	Dir        string // of all runs; each makes a directory of its own below it
	Hookproof  string // path of the program, built with failpoints
	NATSServer string // path of nats-server
	Seed       uint64
	Nodes      int  // of nats-server where a scenario does not say; default 1
	Synced     bool // the servers sync before they acknowledge, and groups are stored by atomic batches
}

// Phases of a run.
const (
	startTimeout  = 2 * time.Minute // on a machine that does much else
	strikeTimeout = 3 * time.Minute
	drainTimeout  = 90 * time.Second // a message that was given back many times waits for up to 30 s
	calmBefore    = 700 * time.Millisecond
	calmAfter     = 1200 * time.Millisecond
	senders       = 16
	senderPause   = 50 * time.Millisecond
)

// HistoryFile is where a run below a Config's Dir keeps its history.
const HistoryFile = "history.jsonl"

// Run runs a scenario and judges it. The error says that the run could not be made, and then the report is worth nothing.
func Run(ctx context.Context, s Scenario, cfg Config) (check.Report, error) {
	dir := filepath.Join(cfg.Dir, s.Name)
	// What a former run left would be taken for this one's.
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return check.Report{}, err
	}
	f, err := os.Create(filepath.Join(dir, HistoryFile))
	if err != nil {
		return check.Report{}, err
	}
	defer f.Close()
	rec := history.NewRecorder(f)
	err = run(ctx, s, cfg, dir, rec)
	if err := errors.Join(err, rec.Close()); err != nil {
		return check.Report{}, fmt.Errorf("%s: %w", s.Name, err)
	}
	return check.Check(rec.History()), nil
}

func run(ctx context.Context, s Scenario, cfg Config, dir string, rec *history.Recorder) error {
	o := s.Options
	o.Dir, o.Hookproof, o.NATSServer, o.Nodes = dir, cfg.Hookproof, cfg.NATSServer, max(cfg.Nodes, s.Nodes)
	if cfg.Synced {
		o.SyncAlways, o.Env = true, append(slices.Clip(o.Env), "HOOKPROOF_COMMIT=atomic")
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	d, err := target.Start(starting, o, rec)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer d.Close()
	about := s.Run
	about.Scenario, about.Seed, about.Horizon = s.Name, cfg.Seed, d.Horizon
	about.MinFaults = max(about.MinFaults, 1)
	rec.Run(about)
	r := &Rig{Deployment: d, Rng: rand.New(rand.NewPCG(cfg.Seed, 1<<32)), Load: load.New(cfg.Seed, d.URL, d.Webhooks, senderPause, rec), rec: rec}
	if err := r.underLoad(ctx, s); err != nil {
		return err
	}
	if err := r.mend(ctx); err != nil {
		return err
	}
	return r.Admin.Read(ctx, rec)
}

// underLoad strikes while requests come.
func (r *Rig) underLoad(ctx context.Context, s Scenario) error {
	loading, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { r.Load.Run(loading, senders) })
	defer running.Wait()
	defer stop()
	sleep(ctx, calmBefore)
	striking, cancel := context.WithTimeout(ctx, strikeTimeout)
	defer cancel()
	if err := s.Strike(striking, r); err != nil {
		return fmt.Errorf("strike: %w", err)
	}
	sleep(ctx, calmAfter)
	return ctx.Err()
}

// mend brings everything back and waits until nothing waits for a verdict. What does then is for the checker to find.
func (r *Rig) mend(ctx context.Context) error {
	mending, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, p := range r.Roles() {
		_ = p.Cont() // errs while it does not run
		p.Up()
	}
	if r.Sim != nil {
		if err := r.Sim.Down(); err != nil { // it would send for ever
			return err
		}
	}
	if err := r.Cluster.WaitHealthy(mending); err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	if r.Buffer {
		if err := r.forwarded(mending); err != nil {
			return fmt.Errorf("mend: %w", err)
		}
	}
	draining, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := r.Admin.Drained(draining); err != nil && draining.Err() == nil {
		return err
	}
	sleep(ctx, 500*time.Millisecond) // for whoever still holds a copy
	return ctx.Err()
}
