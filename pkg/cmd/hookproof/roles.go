package main

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookproof/hookproof/ingress"
	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/console"
	"github.com/hookproof/hookproof/pkg/health"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/provisioner"
	"github.com/hookproof/hookproof/verifier"
)

// telemetryFlush bounds how long the last spans may take to leave.
const telemetryFlush = 5 * time.Second

// pool runs roles beside an admin listener on one bus. Add roles, then run it.
type pool struct {
	p     *process
	bus   *bus.Bus
	tel   *telemetry.Telemetry
	admin *admin.Server
	watch health.Config  // what gauges show
	shows console.Config // what the console shows beside that; without outcomes and webhooks there is none
	roles []func(ctx context.Context) error
}

// newPool returns a pool for a connected bus, with the checks that every role has.
func newPool(ctx context.Context, name string, f adminFlags, b *bus.Bus, p *process) (*pool, error) {
	keepHeapRoom(p.lookupEnv)
	listener, err := f.newAdmin(p.log)
	if err != nil {
		return nil, err
	}
	tel, err := telemetry.Setup(ctx, telemetry.Config{Service: "hookproof-" + name, Version: version(), Getenv: p.lookupEnv, Log: p.log})
	if err != nil {
		return nil, err
	}
	r := &pool{p: p, bus: b, tel: tel, admin: listener, shows: console.Config{Instance: instance(name), Version: version(), TraceURL: f.TraceURL}}
	r.admin.Handle("GET /metrics", tel.Handler())
	r.admin.MountProfiles()
	r.admin.AddCheck(health.Bus(b))
	r.admin.AddCheck(admin.Check{Name: "running", Run: func(context.Context) error {
		if ctx.Err() != nil {
			return errors.New("stopping")
		}
		return nil
	}})
	return r, nil
}

// checkStreams adds the checks of the streams named, or of all when none is, as a topology wants them, and of the clock.
func (r *pool) checkStreams(t bus.Topology, only ...string) {
	r.admin.AddCheck(health.Streams(r.bus, t, only...))
	r.admin.AddCheck(health.Clock(r.bus, bus.StreamUnverified))
}

// mountConsole adds the console, if the roles have anything to show on it but what the gauges tell.
func (r *pool) mountConsole() {
	if r.shows.Audit == nil && !r.shows.Webhooks {
		return
	}
	r.shows.Streams, r.shows.Consumers = slices.Compact(slices.Clone(r.watch.Streams)), r.watch.Consumers
	c := console.New(r.shows, r.bus, r.p.log)
	c.Mount(r.admin)
	r.add(c.Run)
}

func (r *pool) add(role func(ctx context.Context) error) { r.roles = append(r.roles, role) }

// run runs the roles until ctx ends or one fails, and the admin listener until the roles are done.
func (r *pool) run(ctx context.Context, adminListen string) error {
	l, err := net.Listen("tcp", adminListen)
	if err != nil {
		return err
	}
	r.p.log.Info("admin listening", "address", l.Addr().String())
	r.mountConsole()
	adminCtx, stopAdmin := context.WithCancel(context.WithoutCancel(ctx))
	var adminGroup errgroup.Group
	adminGroup.Go(func() error { return r.admin.Run(adminCtx, l) })
	g, running := errgroup.WithContext(ctx)
	watcher := health.NewWatcher(r.watch, r.bus, r.tel.Meter(), r.p.log)
	g.Go(func() error { return watcher.Run(running) })
	for _, role := range r.roles {
		g.Go(func() error { return role(running) })
	}
	err = g.Wait()
	stopAdmin()
	err = errors.Join(err, adminGroup.Wait())
	flush(ctx, r.tel, r.p)
	return err
}

// flush sends the last spans and metrics, also when ctx has ended.
func flush(ctx context.Context, tel *telemetry.Telemetry, p *process) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telemetryFlush)
	defer cancel()
	if err := tel.Shutdown(ctx); err != nil {
		p.log.Warn("telemetry not flushed", "error", err)
	}
}

// addIngress adds the public HTTP server, listening from now on. It is ready once it knows the webhooks named.
func (r *pool) addIngress(f httpFlags, webhooks ...string) error {
	s, serve, err := r.newIngress(f, ingress.Config{}, bus.StreamUnverified)
	if err != nil {
		return err
	}
	r.admin.AddCheck(admin.Check{Name: "storing", Run: s.Storing})
	for _, name := range webhooks {
		r.admin.AddCheck(admin.Check{Name: "webhook " + name, Run: func(context.Context) error {
			if !s.Knows(name) {
				return errors.New("not configured yet")
			}
			return nil
		}})
	}
	r.add(serve)
	return nil
}

// newIngress returns a server that stores on a stream of the pool's bus, whose checks and gauges it adds, and its role.
func (r *pool) newIngress(f httpFlags, cfg ingress.Config, stream string) (*ingress.Server, func(context.Context) error, error) {
	proxies, err := f.proxies()
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", f.Listen)
	if err != nil {
		return nil, nil, err
	}
	cfg.TrustedProxies, cfg.StrangerRate, cfg.StrangerBurst = proxies, f.StrangerRate, f.StrangerBurst
	cfg.TLSCert, cfg.TLSKey, cfg.Meter = f.TLSCert, f.TLSKey, r.tel.Meter()
	s := ingress.New(cfg, r.bus, r.tel.Tracer(), r.p.log)
	r.admin.AddCheck(health.Loaded("routes", s.Loaded()))
	r.admin.AddCheck(health.Storage(r.bus, stream, health.Full))
	r.watch.Streams = append(r.watch.Streams, stream)
	return s, func(ctx context.Context) error {
		r.p.log.Info("ingress listening", "address", l.Addr().String(), "tls", f.TLSCert != "")
		return s.Run(ctx, l)
	}, nil
}

// addVerifier adds a verifier, which works at so many messages at once or at its default for 0, and the audit endpoints.
func (r *pool) addVerifier(t bus.Topology, concurrency int, secrets secret.Resolver, report *verifier.Reporter) {
	policies := policy.NewStore(r.bus, secrets, r.p.log)
	v := verifier.New(verifier.Config{Name: instance("verifier"), Horizon: t.Horizon, Concurrency: concurrency, Meter: r.tel.Meter()}, r.bus, policies, report)
	r.shows.Audit = audit.New(r.bus, policies, r.p.log)
	r.shows.Audit.Mount(r.admin)
	r.admin.AddCheck(health.Loaded("policies", policies.Loaded()))
	r.admin.AddCheck(health.Consumer(r.bus, bus.StreamUnverified, bus.ConsumerVerifier))
	for _, stream := range []string{bus.StreamVerified, bus.StreamParked} { // full, they make the verifiers wait
		r.admin.AddCheck(health.Storage(r.bus, stream, health.NearFull))
	}
	claims := []string{bus.BucketReplaySigned, bus.BucketReplayBody}
	for _, bucket := range claims {
		r.admin.AddCheck(health.BucketStorage(r.bus, bucket, health.NearFull))
	}
	r.watch.Streams = append(r.watch.Streams, bus.StreamUnverified, bus.StreamVerified, bus.StreamRejected, bus.StreamParked)
	r.watch.Buckets = append(r.watch.Buckets, claims...)
	r.watch.Consumers = append(r.watch.Consumers, health.Durable{Stream: bus.StreamUnverified, Consumer: bus.ConsumerVerifier})
	r.add(policies.Run)
	r.add(v.Run)
}

// addProvisioner adds a provisioner, which reaches Genesys Cloud if there are credentials.
func (r *pool) addProvisioner(f genesysFlags, c credentials, secrets secret.Resolver) error {
	cfg := f.provisioning(secrets)
	cfg.Metrics, cfg.Tracer = telemetry.NewProvisioning(r.tel.Meter()), r.tel.Tracer()
	var err error
	if cfg.Genesys, err = f.client(c, r.tel, cfg.Metrics, r.p); err != nil {
		return err
	}
	r.admin.AddCheck(health.Consumer(r.bus, bus.StreamConfig, bus.ConsumerProvisioner))
	r.watch.Consumers = append(r.watch.Consumers, health.Durable{Stream: bus.StreamConfig, Consumer: bus.ConsumerProvisioner})
	r.shows.Webhooks = true
	r.add(provisioner.New(cfg, r.bus, r.p.log).Run)
	return nil
}
