package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	webhookSecret = "a secret that only the benchmark knows"
	startWithin   = 30 * time.Second
	// The configuration for a pool; with hookproof all, WEBHOOK_SECRET makes it.
	webhookFile = `{"webhook":"genesys","kind":"none","secret":"env:WEBHOOK_SECRET","allowlist":["127.0.0.1"]}`
)

// target is something that takes requests.
type target struct {
	name     string
	start    func(*bench) error
	pipeline bool // a request counts once its outcome is in VERIFIED
}

var targets = []target{
	{name: "ceiling: body read, 200", start: func(b *bench) error { return b.bare("ceiling") }},
	{name: "bare handler, synchronous publish", start: func(b *bench) error { return b.bare("sync") }},
	{name: "hookproof ingress", start: func(b *bench) error { return b.pool() }},
	{name: "hookproof ingresses one by one", start: func(b *bench) error { b.commit = "single"; return b.pool() }},
	{name: "hookproof all, pipeline", start: (*bench).all, pipeline: true},
	{name: "roles apart, pipeline", start: func(b *bench) error { return b.pool("verifier") }, pipeline: true},
}

// bench is one target in one round.
type bench struct {
	o         options
	dir       string
	addr, url string // of the target, and of its NATS server
	commit    string // of the ingress; empty for its default
	processes []*process
}

func newBench(o options, dir string) (*bench, error) {
	http, err := freeAddr()
	if err != nil {
		return nil, err
	}
	nats, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return &bench{o: o, dir: dir, addr: http, url: "nats://" + nats}, os.MkdirAll(dir, 0o700)
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
	p, err := start(name, b.dir, b.env(), argv...)
	if err != nil {
		return err
	}
	b.processes = append(b.processes, p)
	return nil
}

// env is the environment of every hookproof process.
func (b *bench) env() []string {
	commit := "fast"
	if b.commit != "" {
		commit = b.commit
	}
	return []string{"HOOKPROOF_COMMIT=" + commit, "NATS_URL=" + b.url, "WEBHOOK_SECRET=" + webhookSecret, "ALLOWED_IPS=127.0.0.1", "HOOKPROOF_LISTEN=" + b.addr,
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

// natsServer starts a nats-server with an empty file store.
func (b *bench) natsServer() error {
	host, port, err := net.SplitHostPort(b.url[len("nats://"):])
	if err != nil {
		return err
	}
	if err := b.run("nats-server", b.o.natsServer, "-a", host, "-p", port, "-js", "-sd", filepath.Join(b.dir, "jetstream")); err != nil {
		return err
	}
	return listening(net.JoinHostPort(host, port))
}

func listening(addr string) error {
	var err error
	for end := time.Now().Add(startWithin); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var c net.Conn
		if c, err = net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
	}
	return err
}

func (b *bench) bare(mode string) error {
	if mode == "sync" {
		if err := b.natsServer(); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := b.run("handler", self, "-serve", mode, "-listen", b.addr, "-nats", b.url); err != nil {
		return err
	}
	return b.ready(http.StatusOK)
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
