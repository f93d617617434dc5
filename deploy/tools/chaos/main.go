package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/check"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/nemesis"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// flags are the command line.
type flags struct {
	nemesis.Config
	scenario string
	judge    string
	list     bool
	keep     bool
	planted  bool
}

func parse(args []string, stderr io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("chaos", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Uint64Var(&f.Seed, "seed", 0, "seed of what is sent and of what strikes; 0 draws one")
	set.StringVar(&f.scenario, "scenario", "short", "names of scenarios, comma-separated, or all, or short")
	set.IntVar(&f.Nodes, "nodes", 1, "nats-servers: 1, or 3 for a cluster with three copies of everything")
	set.BoolVar(&f.Synced, "synced", false, "nats-servers sync before they acknowledge, and groups are stored by atomic batches")
	set.StringVar(&f.Hookproof, "hookproof", "", "the program, built with -tags failpoint")
	set.StringVar(&f.NATSServer, "nats-server", "", "the NATS server")
	set.StringVar(&f.Dir, "dir", "", "where histories and logs go; default a new one, removed if all is well")
	set.BoolVar(&f.keep, "keep", false, "keep histories and logs also if all is well")
	set.StringVar(&f.judge, "judge", "", "judge the history in this file and run nothing")
	set.BoolVar(&f.list, "list", false, "list the scenarios with what strikes and what must hold")
	set.BoolVar(&f.planted, "planted", false, "plant one bug after the other in the program and run until it is found")
	err := set.Parse(args)
	return f, err
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case f.list:
		list(stdout)
		return nil
	case f.judge != "":
		return judge(f.judge, stdout)
	case f.planted:
		return runPlanted(ctx, f, stdout)
	}
	return runAll(ctx, f, stdout)
}

func list(w io.Writer) {
	for _, s := range nemesis.All() {
		fmt.Fprintf(w, "%s\n  strikes: %s\n  holds:   %s\n", s.Name, s.Strikes, s.Promise)
	}
}

func judge(path string, stdout io.Writer) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	h, err := history.Read(in)
	if err != nil {
		return err
	}
	t := newTable(stdout)
	r := check.Check(h)
	t.row(h.Run.Scenario, r)
	if !r.Good() {
		return errRed
	}
	return nil
}

var errRed = errors.New("a promise was broken")

// prepare draws a seed and makes a directory where none was given.
func prepare(f *flags, stdout io.Writer) (err error) {
	if f.Seed == 0 {
		f.Seed = rand.Uint64N(1 << 32)
	}
	if f.Dir == "" {
		if f.Dir, err = os.MkdirTemp("", "chaos"); err != nil {
			return err
		}
	}
	fmt.Fprintf(stdout, "seed %d, histories and logs in %s\n", f.Seed, f.Dir)
	return nil
}

func runAll(ctx context.Context, f flags, stdout io.Writer) error {
	scenarios, err := choose(f.scenario, f.Nodes)
	if err != nil {
		return err
	}
	if err := prepare(&f, stdout); err != nil {
		return err
	}
	if err := build(ctx, &f.Config); err != nil {
		return err
	}
	t, red := newTable(stdout), false
	for _, s := range scenarios {
		began := time.Now()
		r, err := nemesis.Run(ctx, s, f.Config)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(stdout, "%s could not be run: %v\n", s.Name, err)
			red = true
			continue
		}
		t.row(s.Name, r)
		if !r.Good() {
			red = true
			fmt.Fprintf(stdout, "  again with: -seed %d -scenario %s; history: %s\n", f.Seed, s.Name, filepath.Join(f.Dir, s.Name, nemesis.HistoryFile))
		} else if !f.keep {
			_ = os.RemoveAll(filepath.Join(f.Dir, s.Name)) // what is left of it only takes room
		}
		fmt.Fprintf(stdout, "  %.1f s\n", time.Since(began).Seconds())
	}
	if red {
		return errRed
	}
	if !f.keep {
		return os.RemoveAll(f.Dir)
	}
	return nil
}

// choose returns the scenarios that a name stands for.
func choose(names string, nodes int) ([]nemesis.Scenario, error) {
	var out []nemesis.Scenario
	known := map[string]bool{}
	for _, s := range nemesis.All() {
		known[s.Name] = true
		named := false
		for name := range strings.SplitSeq(names, ",") {
			named = named || name == s.Name
		}
		if named || names == "short" && s.Short || names == "all" && s.Nodes <= nodes {
			out = append(out, s)
		}
	}
	if names == "all" || names == "short" {
		return out, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		if !known[name] {
			return nil, fmt.Errorf("scenario: %q is none; see -list", name)
		}
	}
	return out, nil
}
