package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hookproof/hookproof/ingress"
	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/health"
)

const (
	// leastBuffer is the smallest buffer in bytes: a few of the largest requests.
	leastBuffer = 16 << 20
	// leastKey is the shortest key of a buffer in bytes.
	leastKey = 32
	// routesFile is the cache of routes in the buffer's directory.
	routesFile = "routes.json"
)

// bufferFlags turn an ingress into an edge: it stores in a buffer of its own and forwards from there.
type bufferFlags struct {
	BufferDir          string        `help:"Store requests in this directory first, and forward them to NATS from there, so that they are accepted while NATS is away. Without it there is no buffer." env:"HOOKPROOF_BUFFER_DIR" type:"path" group:"Buffer"`
	BufferMaxBytes     int64         `help:"Bytes that the buffer may hold. When it is full, requests are answered with 503." env:"HOOKPROOF_BUFFER_MAX_BYTES" default:"1073741824" group:"Buffer"`
	BufferSyncInterval time.Duration `help:"How long a buffered request may wait for its fsync. 0 syncs before the sender is answered; more is faster, and a power failure may cost what was accepted within it." env:"HOOKPROOF_BUFFER_SYNC_INTERVAL" default:"0s" group:"Buffer"`
	BufferDrain        time.Duration `help:"How long a stopping ingress goes on forwarding. What is left then is kept for the next start." env:"HOOKPROOF_BUFFER_DRAIN" default:"10s" group:"Buffer"`
	BufferKeyFile      string        `help:"File with a key, 32 bytes or more, that encrypts the buffer on disk." env:"HOOKPROOF_BUFFER_KEY_FILE" type:"path" group:"Buffer"`
}

// check reports every bad setting at once.
func (f bufferFlags) check(natsURL string) error {
	var errs []error
	if natsURL == "" {
		errs = append(errs, errors.New("buffer-dir: nats-url has to say where the requests are forwarded to"))
	}
	if f.BufferMaxBytes < leastBuffer {
		errs = append(errs, fmt.Errorf("buffer-max-bytes: %d is less than %d", f.BufferMaxBytes, leastBuffer))
	}
	if f.BufferSyncInterval < 0 {
		errs = append(errs, fmt.Errorf("buffer-sync-interval: %s is negative", f.BufferSyncInterval))
	}
	if f.BufferDrain <= 0 {
		errs = append(errs, fmt.Errorf("buffer-drain: %s is not more than 0", f.BufferDrain))
	}
	return errors.Join(errs...)
}

// server describes the embedded server of the buffer.
func (f bufferFlags) server() (bus.ServerConfig, error) {
	cfg := bus.ServerConfig{Dir: f.BufferDir, SyncInterval: f.BufferSyncInterval, SyncAlways: f.BufferSyncInterval == 0}
	if f.BufferKeyFile == "" {
		return cfg, nil
	}
	key, err := os.ReadFile(f.BufferKeyFile)
	if err != nil {
		return cfg, fmt.Errorf("buffer-key-file: %w", err)
	}
	if cfg.Key = strings.TrimSpace(string(key)); len(cfg.Key) < leastKey {
		return cfg, fmt.Errorf("buffer-key-file: the key has %d bytes, want %d or more", len(cfg.Key), leastKey)
	}
	return cfg, nil
}

// runBuffered runs an ingress that stores in a buffer until a signal ends it.
func (c *ingressCmd) runBuffered(ctx context.Context, p *process) error {
	if err := c.bufferFlags.check(c.NATSURL); err != nil {
		return usageError{err}
	}
	cfg, err := c.server()
	if err != nil {
		return usageError{err}
	}
	srv, err := bus.StartServer(cfg, p.log)
	if err != nil {
		return err
	}
	defer srv.Shutdown()
	local, err := bus.Connect(c.to(bus.Config{InProcess: srv, Name: "hookproof-ingress"}, cfg.SyncAlways), p.log.With("bus", "buffer"))
	if err != nil {
		return err
	}
	defer local.Close()
	if err := local.SetupBuffer(ctx, c.BufferMaxBytes, srv); err != nil {
		return err
	}
	to := c.config("ingress")
	to.Wait = true
	hub, err := bus.Connect(to, p.log.With("bus", "hub"))
	if err != nil {
		return err
	}
	defer hub.Close()
	r, err := newPool(ctx, "ingress", c.adminFlags, local, p)
	if err != nil {
		return err
	}
	if err := r.addBuffered(c, hub); err != nil {
		return err
	}
	return r.run(ctx, c.AdminListen)
}

// addBuffered adds the public HTTP server and the forwarder. It is ready while the buffer takes requests, whether the hub
// is there or not.
func (r *pool) addBuffered(c *ingressCmd, hub *bus.Bus) error {
	_, serve, err := r.newIngress(c.httpFlags, ingress.Config{Hub: hub, RouteCache: filepath.Join(c.BufferDir, routesFile)}, bus.StreamBuffer)
	if err != nil {
		return err
	}
	f := ingress.NewForwarder(ingress.ForwardConfig{Topology: c.topology(), Grace: c.BufferDrain, Meter: r.tel.Meter()}, r.bus, hub, r.p.log)
	far := health.NewWatcher(health.Config{Streams: []string{bus.StreamUnverified}}, hub, nil, r.p.log)
	r.watch.Streams, r.watch.Local, r.watch.Also = append(r.watch.Streams, bus.StreamRefused), true, far
	r.watch.Consumers = append(r.watch.Consumers, health.Durable{Stream: bus.StreamBuffer, Consumer: bus.ConsumerForwarder})
	r.admin.AddCheck(admin.Check{Name: "buffer", Run: r.bus.ProbeBuffer, Detail: backlog(r.bus)})
	r.admin.AddCheck(admin.Check{Name: "hub", Run: func(context.Context) error { return nil }, Detail: reach(f)})
	r.admin.AddCheck(far.Clock())
	r.add(far.Run)
	r.add(func(ctx context.Context) error { return f.Run(ctx, serve) })
	return nil
}

// backlog tells what waits in a buffer.
func backlog(b *bus.Bus) func(context.Context) string {
	return func(ctx context.Context) string {
		waits, err := b.Backlog(ctx, bus.StreamBuffer, bus.ConsumerForwarder) // the stream may hold the probe of this very check
		if err != nil {
			return err.Error()
		}
		s, err := b.State(ctx, bus.StreamBuffer, "")
		if err != nil {
			return err.Error()
		}
		text := "empty"
		if n := waits.Pending + uint64(waits.AckPending); n > 0 { // #nosec G115 -- a count
			text = fmt.Sprintf("%d requests wait, the oldest for %s; %.1f %% full", n, s.ServerTime.Sub(s.FirstTime).Round(time.Second), 100*s.Fill())
		}
		if kept, err := b.State(ctx, bus.StreamRefused, ""); err == nil && kept.Messages > 0 {
			text += fmt.Sprintf("; the hub refuses %d for good", kept.Messages)
		}
		return text
	}
}

// reach tells whether the hub takes requests.
func reach(f *ingress.Forwarder) func(context.Context) string {
	return func(context.Context) string {
		hub := f.Hub()
		since := time.Since(hub.Since).Round(time.Second)
		if hub.Away {
			return fmt.Sprintf("away for %s: %v", since, hub.Cause)
		}
		return fmt.Sprintf("takes requests for %s", since)
	}
}
