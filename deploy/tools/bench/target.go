package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

const (
	webhookSecret = "a secret that only the benchmark knows"
	startWithin   = 30 * time.Second
	// The configuration for a pool; with hookproof all, WEBHOOK_SECRET makes it.
	webhookFile = `{"webhook":"genesys","kind":"none","secret":"env:WEBHOOK_SECRET","allowlist":["127.0.0.1"]}`
)

// target is something that takes requests, under one load.
type target struct {
	name     string
	start    func(*bench) error
	pipeline bool // a request counts once its outcome is in VERIFIED
	direct   bool // published by the benchmark itself, without HTTP
	conns    int  // connections; 0 for the run's
	share    int  // this part of the run's requests only; 0 for all
	rate     int  // requests a second; 0 for as many as are answered
	syncs    bool // nats-server syncs before it acknowledges
	nodes    int  // of a cluster that keeps each stream in as many copies; 0 for a single server
	commit   string
}

// suite is what is compared with each other, in alternated rounds.
type suite struct {
	name, title string
	targets     []target
}

func bareTarget(mode string) func(*bench) error { return func(b *bench) error { return b.bare(mode) } }
func rolesApart(roles ...string) func(*bench) error {
	return func(b *bench) error { return b.pool(roles...) }
}

var suites = []suite{
	{"default", "R1, file storage, a sync every 2 minutes (all: 100 ms)", []target{
		{name: "ceiling: body read, 200", start: bareTarget("ceiling")},
		{name: "the checks in process, nothing stored", start: bareTarget("checks")},
		{name: "JetStream publish, 64 at once", start: (*bench).natsServer, direct: true},
		{name: "bare handler, synchronous publish", start: bareTarget("sync")},
		{name: "bare handler, group commit", start: bareTarget("group")},
		{name: "hookproof ingress, one publish each", start: rolesApart(), commit: "single"},
		{name: "hookproof ingress", start: rolesApart()},
		{name: "hookproof all, pipeline", start: (*bench).all, pipeline: true},
		{name: "roles apart, pipeline", start: rolesApart("verifier"), pipeline: true},
	}},
	{"latency", "the same at 1,000 requests/s", []target{
		{name: "JetStream publish", start: (*bench).natsServer, direct: true, rate: 1000, share: 4},
		{name: "hookproof all", start: (*bench).all, pipeline: true, rate: 1000, share: 4},
		{name: "roles apart", start: rolesApart("verifier"), pipeline: true, rate: 1000, share: 4},
	}},
	{"always", "R1, a sync before each acknowledgement", []target{
		{name: "synchronous publish, 64 connections", start: bareTarget("sync"), syncs: true, share: 10},
		{name: "ingress, atomic batches, 64 connections", start: rolesApart(), syncs: true, commit: "atomic", share: 4},
		{name: "synchronous publish, 512 connections", start: bareTarget("sync"), syncs: true, conns: 512, share: 10},
		{name: "ingress, atomic batches, 512 connections", start: rolesApart(), syncs: true, commit: "atomic", conns: 512},
		{name: "ingress, atomic batches, 100 requests/s", start: rolesApart(), syncs: true, commit: "atomic", rate: 100, share: 40},
		{name: "roles apart, pipeline, one publish each", start: rolesApart("verifier"), syncs: true, commit: "single", pipeline: true, share: 10},
		{name: "roles apart, pipeline, fast", start: rolesApart("verifier"), syncs: true, commit: "fast", pipeline: true, share: 10},
		{name: "roles apart, pipeline, atomic batches", start: rolesApart("verifier"), syncs: true, commit: "atomic", pipeline: true, share: 4},
	}},
	{"cluster", "three nodes on this machine, R3", []target{
		{name: "synchronous publish, R3", start: bareTarget("sync"), nodes: 3},
		{name: "ingress, R3", start: rolesApart(), nodes: 3},
		{name: "roles apart, pipeline, R3", start: rolesApart("verifier"), nodes: 3, pipeline: true},
		{name: "roles apart, pipeline, R3, a sync each, fast", start: rolesApart("verifier"), nodes: 3, syncs: true, commit: "fast", pipeline: true, share: 10},
		{name: "roles apart, pipeline, R3, a sync each, atomic", start: rolesApart("verifier"), nodes: 3, syncs: true, commit: "atomic", pipeline: true, share: 10},
	}},
}

// bench is one target in one round.
type bench struct {
	target
	o         options
	dir       string
	addr, url string // of the target, and of its NATS server
	processes []*process
}

func newBench(t target, o options, dir string) (*bench, error) {
	http, err := freeAddr()
	if err != nil {
		return nil, err
	}
	nats, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return &bench{target: t, o: o, dir: dir, addr: http, url: "nats://" + nats}, os.MkdirAll(dir, 0o700)
}

// freeAddr returns an address of loopback that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// close ends the processes, the one started last first.
func (b *bench) close() {
	for i := len(b.processes) - 1; i >= 0; i-- {
		b.processes[i].stop()
	}
	_ = os.RemoveAll(b.dir) // the parent goes at the end anyway
}

func (b *bench) run(name string, argv ...string) error {
	admin, err := freeAddr()
	if err != nil {
		return err
	}
	p, err := start(name, b.dir, append(b.env(), "HOOKPROOF_ADMIN_LISTEN="+admin), argv...)
	if err != nil {
		return err
	}
	p.admin = admin
	b.processes = append(b.processes, p)
	return nil
}

// env is the environment of every hookproof process.
func (b *bench) env() []string {
	return []string{"HOOKPROOF_COMMIT=" + cmp.Or(b.commit, "fast"), "HOOKPROOF_REPLICAS=" + strconv.Itoa(max(b.nodes, 1)), "NATS_URL=" + b.url, "WEBHOOK_SECRET=" + webhookSecret, "ALLOWED_IPS=127.0.0.1", "HOOKPROOF_LISTEN=" + b.addr,
		"HOOKPROOF_ADMIN_LISTEN=127.0.0.1:0", "HOOKPROOF_DATA_DIR=" + filepath.Join(b.dir, "data"), "OTEL_TRACES_EXPORTER=none"}
}

// ready waits until the target takes requests.
func (b *bench) ready(status int) error {
	err := answers("http://"+b.addr+"/webhooks/genesys", status, startWithin)
	if err != nil {
		for _, p := range b.processes {
			err = fmt.Errorf("%w\n%s: %s", err, p.name, p.said())
		}
	}
	return err
}

func (b *bench) bare(mode string) error {
	if mode == "sync" || mode == "group" {
		if err := b.natsServer(); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	status := http.StatusOK
	if mode == "checks" { // which a GET does not pass
		status = http.StatusServiceUnavailable
	}
	if err := b.run("handler", self, "-serve", mode, "-listen", b.addr, "-nats", b.url, "-replicas", strconv.Itoa(max(b.nodes, 1))); err != nil {
		return err
	}
	return b.ready(status)
}

// all starts everything in one process, with the NATS port open for the count of outcomes.
func (b *bench) all() error {
	err := b.run("all", b.o.hookproof, "all", "--nats-url=", "--nats-listen", b.url[len("nats://"):])
	if err != nil {
		return err
	}
	return b.ready(http.StatusMethodNotAllowed)
}

// pool starts nats-server, an ingress and the other roles, each a process. A provisioner runs only until the webhook is
// configured.
func (b *bench) pool(roles ...string) error {
	if err := b.natsServer(); err != nil {
		return err
	}
	if err := b.tool("setup"); err != nil {
		return err
	}
	for _, role := range append([]string{"ingress"}, roles...) {
		if err := b.run(role, b.o.hookproof, role); err != nil {
			return err
		}
	}
	provisioner, err := start("provisioner", b.dir, b.env(), b.o.hookproof, "provisioner")
	if err != nil {
		return err
	}
	defer provisioner.stop()
	file := filepath.Join(b.dir, "webhook.json")
	if err := os.WriteFile(file, []byte(webhookFile), 0o600); err != nil {
		return err
	}
	if err := b.tool("apply", "-f", file); err != nil {
		return err
	}
	return b.ready(http.StatusMethodNotAllowed)
}

// tool runs a subcommand of hookproof to its end.
func (b *bench) tool(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.o.hookproof, args...)
	cmd.Env = b.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("hookproof %s: %w: %s", args[0], err, out)
	}
	return nil
}
