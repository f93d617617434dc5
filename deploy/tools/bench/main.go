package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// options are the sizes of a run.
type options struct {
	hookproof, natsServer string // paths of the programs
	rounds, requests      int
	warm, conns, size     int
	out                   string // path of the JSON file
	only                  string // part of the names of the targets to measure; empty for all
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
	flag.StringVar(&o.only, "only", "", "measure only the targets whose name contains this")
	serve := flag.String("serve", "", "be a bare target instead, ceiling or sync")
	listen := flag.String("listen", "127.0.0.1:0", "where a bare target listens")
	nats := flag.String("nats", "", "NATS server of a bare target")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *serve != "" {
		err = serveBare(ctx, *serve, *listen, *nats)
	} else {
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
	for n := range o.rounds {
		for i := range targets {
			t := targets[(i+n)%len(targets)]
			if !strings.Contains(t.name, o.only) {
				continue
			}
			r, err := measure(ctx, t, o, filepath.Join(dir, fmt.Sprintf("%d-%d", n, i)))
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", t.name, n+1, err)
			}
			r.Round = n + 1
			fmt.Fprintln(os.Stderr, r)
			all = append(all, r)
		}
	}
	printTable(os.Stdout, all)
	return writeJSON(o, all)
}
