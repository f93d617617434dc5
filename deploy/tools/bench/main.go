package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// options are the sizes of a run.
type options struct {
	hookproof, natsServer string // paths of the programs
	rounds, requests      int
	warm, conns, size     int
	out                   string // path of the JSON file
	suites                string // names of suites, comma-separated
	only                  string // part of the names of the targets to measure; empty for all
	plots                 string // directory for the plots; empty for none
	profiles              string // directory for profiles; empty for none
}

func main() {
	var o options
	flag.StringVar(&o.hookproof, "hookproof", "bin/hookproof", "path of hookproof")
	flag.StringVar(&o.natsServer, "nats-server", "bin/nats-server", "path of nats-server")
	flag.IntVar(&o.rounds, "rounds", 9, "rounds; the table shows their medians")
	flag.IntVar(&o.requests, "n", 20000, "measured requests for each target in a round")
	flag.IntVar(&o.warm, "warm", 4000, "requests before them that are not measured")
	flag.IntVar(&o.conns, "c", 64, "connections")
	flag.IntVar(&o.size, "size", 1024, "bytes of a body")
	flag.StringVar(&o.out, "out", "bench.json", "where every round is written")
	flag.StringVar(&o.suites, "suites", "default", "what to compare: of default, latency, always and cluster, comma-separated")
	flag.StringVar(&o.plots, "plots", "", "directory where plots are drawn as SVG; none unless set")
	flag.StringVar(&o.profiles, "profiles", "", "directory for profiles of CPU and allocations of each hookproof process; none unless set")
	flag.StringVar(&o.only, "only", "", "measure only the targets whose name contains this")
	during := flag.Duration("sustain", 0, "instead: send a constant rate to a pipeline for so long")
	apart := flag.Bool("apart", false, "with -sustain: ingress, verifier and nats-server as processes of their own")
	rate := flag.Int("rate", 10000, "requests a second, with -sustain")
	held := flag.Int("memory", 0, "instead: measure the memory of nats-server for so many keys, ids and messages")
	backlog := flag.Int("scaleout", 0, "instead: work off a backlog of so many with 1, 2 and 4 verifiers, each behind a slow link")
	keys := flag.Int("keys", 0, "instead: measure the pipeline before and after so many replay keys are live")
	serve := flag.String("serve", "", "be a bare target instead: ceiling, checks, sync or group")
	listen := flag.String("listen", "127.0.0.1:0", "where a bare target listens")
	nats := flag.String("nats", "", "NATS server of a bare target")
	replicas := flag.Int("replicas", 1, "copies of the stream of a bare target")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case *serve != "":
		err = serveBare(ctx, *serve, *listen, *nats, *replicas)
	case *during > 0:
		err = sustain(ctx, o, *rate, *during, *apart)
	case *held > 0:
		err = memory(ctx, o, *held)
	case *keys > 0:
		err = flat(ctx, o, *keys)
	case *backlog > 0:
		err = scaleOut(ctx, o, *backlog)
	default:
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures every target in every round, then prints and writes what it found.
func run(ctx context.Context, o options) error {
	if o.rounds < 1 || o.requests < 1 || o.conns < 1 || o.requests > 1_000_000 {
		return fmt.Errorf("rounds, requests and connections must be positive, and requests at most 1,000,000")
	}
	dir, err := os.MkdirTemp("", "hookproof-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var all []round
	for _, s := range suites {
		if !slices.Contains(strings.Split(o.suites, ","), s.name) {
			continue
		}
		rounds, err := s.run(ctx, o, filepath.Join(dir, s.name))
		if err != nil {
			return err
		}
		printTable(os.Stdout, s, rounds)
		all = append(all, rounds...)
	}
	if len(all) == 0 {
		return fmt.Errorf("nothing to measure: suites %q, only %q", o.suites, o.only)
	}
	if o.plots != "" {
		if err := draw(o.plots, all); err != nil {
			return err
		}
	}
	return writeJSON(o, all)
}

// run measures each target of a suite in every round, in another order each time.
func (s suite) run(ctx context.Context, o options, dir string) ([]round, error) {
	var all []round
	for n := range o.rounds {
		for i := range s.targets {
			t := s.targets[(i+n)%len(s.targets)]
			if !strings.Contains(t.name, o.only) {
				continue
			}
			r, err := measure(ctx, t, o, filepath.Join(dir, fmt.Sprintf("%d-%d", n, i)))
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", t.name, n+1, err)
			}
			r.Suite, r.Round = s.name, n+1
			fmt.Fprintln(os.Stderr, r)
			all = append(all, r)
		}
	}
	return all, nil
}
