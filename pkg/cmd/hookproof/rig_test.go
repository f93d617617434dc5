package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hookproof/hookproof/ingress"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/route"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/verifier"
)

// testSecret signs in the tests; the pool knows it as env:WEBHOOK_SECRET.
const testSecret = "a secret that only the tests know"

// rig is a whole pipeline on a real server: an ingress, verifiers, and a record of every outcome.
type rig struct {
	t      *testing.T
	server *bus.Server
	bus    *bus.Bus
	url    string   // of the ingress, without the webhook
	env    []string // of the processes that it spawns, beside the common one
	start  func(role func(context.Context) error)

	mu       sync.Mutex
	outcomes map[string][]bus.Stored // by Hookproof-Id
	changed  chan struct{}           // closed and renewed at each outcome
}

func testEnv(name string) (string, bool) {
	if name == "WEBHOOK_SECRET" {
		return testSecret, true
	}
	return "the secret of " + name, strings.HasPrefix(name, "HOOKPROOF_SECRET_")
}

// newRig starts a server, an ingress that trusts the given proxies, and verifiers.
func newRig(t *testing.T, topology bus.Topology, verifiers int, proxies ...string) *rig {
	t.Helper()
	return newWatchedRig(t, topology, watched{}, verifiers, proxies...)
}

// watched is how the roles of a rig are watched; nil is not at all.
type watched struct{ ingress, verifier *telemetry.Telemetry }

func tracerOf(tel *telemetry.Telemetry) (trace.Tracer, metric.Meter) {
	if tel == nil {
		return noop.Tracer{}, nil
	}
	return tel.Tracer(), tel.Meter()
}

// newWatchedRig is newRig with telemetry.
func newWatchedRig(t *testing.T, topology bus.Topology, w watched, verifiers int, proxies ...string) *rig {
	t.Helper()
	b, srv := bustest.New(t, topology)
	r := &rig{t: t, server: srv, bus: b, outcomes: map[string][]bus.Stored{}, changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	r.start = func(role func(context.Context) error) {
		running.Go(func() {
			if err := role(ctx); err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) {
				t.Errorf("role: %v", err)
			}
		})
	}
	var trusted []netip.Prefix
	for _, p := range proxies {
		trusted = append(trusted, netip.MustParsePrefix(p))
	}
	tracer, meter := tracerOf(w.ingress)
	in := ingress.New(ingress.Config{TrustedProxies: trusted, StrangerRate: 1e6, StrangerBurst: 1e6, Meter: meter}, b, tracer, bustest.Log(t))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.url = "http://" + l.Addr().String() + "/webhooks/"
	r.start(func(ctx context.Context) error { return in.Run(ctx, l) })
	select {
	case <-in.Loaded(): // before that it answers 503, and nobody sends to one that is not ready
	case <-time.After(20 * time.Second):
		t.Fatal("the routes were not loaded")
	}
	for range verifiers {
		r.addVerifier(topology, w.verifier)
	}
	for _, s := range []struct{ stream, root string }{{bus.StreamVerified, event.Verified}, {bus.StreamRejected, event.Rejected}, {bus.StreamParked, event.Parked}} {
		r.start(func(ctx context.Context) error {
			return b.Scan(ctx, s.stream, bus.ScanOptions{Subject: s.root + ".*", Follow: true}, r.record)
		})
	}
	return r
}

// addVerifier starts one more verifier.
func (r *rig) addVerifier(topology bus.Topology, tel *telemetry.Telemetry) {
	tracer, meter := tracerOf(tel)
	own := bustest.Connect(r.t, r.server)
	policies := policy.NewStore(own, secret.Resolver{Getenv: testEnv}, bustest.Log(r.t))
	report := verifier.NewReporter(io.Discard, tracer, bustest.Log(r.t))
	r.start(policies.Run)
	r.start(verifier.New(verifier.Config{Name: "test", Horizon: topology.Horizon, Meter: meter}, own, policies, report).Run)
}

func (r *rig) record(s bus.Stored) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := s.Header.Get(event.HeaderID)
	r.outcomes[id] = append(r.outcomes[id], s)
	close(r.changed)
	r.changed = make(chan struct{})
	return nil
}

// configure stores a policy and its route and waits until the ingress has the route.
func (r *rig) configure(p policy.Policy) {
	r.t.Helper()
	if p.Tolerance == 0 {
		p.Tolerance = policy.Duration(policy.DefaultTolerance)
	}
	if p.Secrets == nil {
		p.Secrets = []policy.Secret{{Ref: "env:WEBHOOK_SECRET"}}
	}
	r.put(bus.BucketPolicies, p.Webhook, p.Encode)
	r.put(bus.BucketRoutes, p.Webhook, route.Route{Webhook: p.Webhook}.Encode)
	r.eventually("route of "+p.Webhook, func() bool { return routed(r.url + p.Webhook) })
}

// routed reports whether an ingress knows the webhook of a URL.
func routed(url string) bool {
	res, err := http.Get(url)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusMethodNotAllowed
}

func (r *rig) put(bucket, key string, encode func() ([]byte, error)) {
	r.t.Helper()
	value, err := encode()
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.bus.Put(context.Background(), bucket, key, value); err != nil {
		r.t.Fatal(err)
	}
}

// post sends a request and returns the status and the id that the sender was told.
func (r *rig) post(webhook string, h http.Header, body []byte) (int, string) {
	req, err := http.NewRequest(http.MethodPost, r.url+webhook, bytes.NewReader(body))
	if err != nil {
		r.t.Error(err)
		return 0, ""
	}
	req.Header = h
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	var answer struct{ ID string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		r.t.Error(err)
	}
	return res.StatusCode, answer.ID
}

// accept posts a request that must be accepted and returns its id.
func (r *rig) accept(webhook string, h http.Header, body []byte) string {
	r.t.Helper()
	status, id := r.post(webhook, h, body)
	if status != http.StatusOK {
		r.t.Fatalf("POST %s = %d, want 200", webhook, status)
	}
	return id
}

// outcome waits for the outcome of a request.
func (r *rig) outcome(id string) bus.Stored {
	r.t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		r.mu.Lock()
		found, changed := r.outcomes[id], r.changed
		r.mu.Unlock()
		if len(found) > 0 {
			return found[0]
		}
		select {
		case <-changed:
		case <-timeout:
			r.t.Fatalf("no outcome of %s after 30 s", id)
		}
	}
}

// eventually polls for what has no event to wait for, as a client of the service would.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not after 30 s", what)
		}
	}
}

// drained waits until every captured request has its outcome.
func (r *rig) drained() {
	r.t.Helper()
	r.eventually("backlog drained", func() bool {
		s, err := r.bus.State(context.Background(), bus.StreamUnverified, "")
		return err == nil && s.Messages == 0
	})
}

func scheme(t testing.TB, name string) signature.Scheme {
	t.Helper()
	s, ok := signature.Named(name)
	if !ok {
		t.Fatalf("no scheme %s", name)
	}
	return s
}

func key(t testing.TB, s signature.Scheme, text string) signature.Key {
	t.Helper()
	k, err := s.NewKey(secret.New(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}
