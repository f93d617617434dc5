package provisioner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/route"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
	"github.com/hookproof/hookproof/provisioner"
)

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

// world is a bus with provisioners on it, and everything that they told.
type world struct {
	t   *testing.T
	bus *bus.Bus
	env sync.Map // environment variables, by name
	dir string   // of secrets
	// ahead is how far the provisioners' clock is ahead of the real one.
	ahead atomic.Int64
	log   safeBuffer

	mu       sync.Mutex
	statuses []webhook.Status
	told     chan struct{} // receives after each status
}

func newWorld(t *testing.T) *world {
	b, _ := bustest.New(t, bus.Topology{})
	w := &world{t: t, bus: b, dir: t.TempDir(), told: make(chan struct{}, 1)}
	for name, value := range map[string]string{"A": "secret-A-0123456789", "B": "secret-B-0123456789", "C": "secret-C-0123456789"} {
		w.env.Store("HOOKPROOF_SECRET_"+name, value)
	}
	stop, err := b.Listen(webhook.StatusRoot+".*", w.hear)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return w
}

func (w *world) hear(m *nats.Msg) {
	var s webhook.Status
	if err := json.Unmarshal(m.Data, &s); err != nil || m.Subject != webhook.StatusRoot+"."+s.Webhook {
		w.t.Errorf("on %s: %s", m.Subject, m.Data)
	}
	w.mu.Lock()
	w.statuses = append(w.statuses, s)
	w.mu.Unlock()
	select {
	case w.told <- struct{}{}:
	default:
	}
}

func (w *world) config() provisioner.Config {
	return provisioner.Config{
		Secrets: secret.Resolver{Dir: w.dir, Getenv: func(name string) (string, bool) {
			v, ok := w.env.Load(name)
			s, _ := v.(string)
			return s, ok
		}},
		RouteGrace: 50 * time.Millisecond, RemovalGrace: 50 * time.Millisecond, Backoff: 50 * time.Millisecond, MaxBackoff: 200 * time.Millisecond, Lease: time.Minute,
		Now: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) },
	}
}

// run starts a provisioner; stop ends it and waits. It ends with the test in any case.
func (w *world) run(cfg provisioner.Config) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	p := provisioner.New(cfg, w.bus, slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				w.t.Errorf("Run = %v", err)
			}
		case <-time.After(patience):
			w.t.Error("Run did not end")
		}
	})
	w.t.Cleanup(func() {
		stop()
		if w.t.Failed() {
			w.t.Log(w.log.String())
		}
	})
	return stop
}

// publish publishes a config message and returns its sequence.
func (w *world) publish(name, doc string) uint64 {
	w.t.Helper()
	ack, err := w.bus.Publish(context.Background(), &nats.Msg{Subject: webhook.ConfigRoot + "." + name, Data: []byte(doc)})
	if err != nil {
		w.t.Fatal(err)
	}
	return ack.Sequence
}

// await waits for a status that answers a message with one of the phases.
func (w *world) await(sequence uint64, phases ...webhook.Phase) webhook.Status {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		for _, s := range w.heard(sequence) {
			for _, phase := range phases {
				if s.Phase == phase {
					return s
				}
			}
		}
		select {
		case <-w.told:
		case <-deadline:
			w.t.Fatalf("message %d: no status of %v among %+v", sequence, phases, w.heard(sequence))
		}
	}
}

func (w *world) heard(sequence uint64) []webhook.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []webhook.Status
	for _, s := range w.statuses {
		if s.ConfigSequence == sequence {
			out = append(out, s)
		}
	}
	return out
}

// apply publishes a message and waits until it is live.
func (w *world) apply(name, doc string) webhook.Status {
	w.t.Helper()
	return w.await(w.publish(name, doc), webhook.PhaseLive)
}

// eventually waits until a condition on stored state holds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			w.t.Fatalf("never: %s", what)
		}
	}
}

func (w *world) entry(bucket, key string) (bus.Entry, bool) {
	w.t.Helper()
	e, err := w.bus.Get(context.Background(), bucket, key)
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		w.t.Fatal(err)
	}
	return e, err == nil && !e.Deleted
}

func (w *world) policy(name string) (p policy.Policy, revision uint64) {
	w.t.Helper()
	e, ok := w.entry(bus.BucketPolicies, name)
	if !ok {
		return p, 0
	}
	if err := json.Unmarshal(e.Value, &p); err != nil {
		w.t.Fatal(err)
	}
	return p, e.Revision
}

func (w *world) route(name string) (r route.Route, revision uint64) {
	w.t.Helper()
	e, ok := w.entry(bus.BucketRoutes, name)
	if !ok {
		return r, 0
	}
	r, err := route.Decode(e)
	if err != nil {
		w.t.Fatal(err)
	}
	return r, e.Revision
}

func (w *world) record(name string) webhook.Record {
	w.t.Helper()
	e, ok := w.entry(bus.BucketWebhooks, name)
	if !ok {
		return webhook.Record{}
	}
	r, err := webhook.DecodeRecord(e)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// acknowledged waits until no config message is left to handle.
func (w *world) acknowledged() {
	w.t.Helper()
	w.eventually("every config message is acknowledged", func() bool {
		backlog, err := w.bus.Backlog(context.Background(), bus.StreamConfig, bus.ConsumerProvisioner)
		return err == nil && backlog.Pending == 0 && backlog.AckPending == 0
	})
}

// writes counts what was ever written to a bucket.
func (w *world) writes(bucket string) uint64 {
	w.t.Helper()
	s, err := w.bus.StateOfBucket(context.Background(), bucket)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.LastSequence
}

// putRecord stores a record as some provisioner left it.
func (w *world) putRecord(r webhook.Record) {
	w.t.Helper()
	b, err := r.Encode()
	if err == nil {
		_, err = w.bus.Put(context.Background(), bus.BucketWebhooks, r.Webhook, b)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// doc is a config message of kind none with that secret.
func doc(name, ref, more string) string {
	return `{"webhook":"` + name + `","kind":"none","secret":"` + ref + `"` + more + `}`
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
