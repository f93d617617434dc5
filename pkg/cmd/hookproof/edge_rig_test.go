package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
)

// wire is a TCP link that a test can cut.
type wire struct {
	net.Listener
	target string

	mu    sync.Mutex
	isCut bool
	ends  map[net.Conn]bool
}

// newWire returns a link to a server's address.
func newWire(t *testing.T, target string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, target: strings.TrimPrefix(target, "nats://"), ends: map[net.Conn]bool{}}
	go w.serve()
	t.Cleanup(func() { _ = l.Close(); w.cut() })
	return w
}

func (w *wire) serve() {
	for {
		near, err := w.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		if w.keep(near, far) {
			go pipe(near, far)
			go pipe(far, near)
		}
	}
}

// keep notes both ends of a connection, or closes them while the wire is cut.
func (w *wire) keep(ends ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range ends {
		if w.ends[c] = true; w.isCut {
			_ = c.Close()
		}
	}
	return !w.isCut
}

func pipe(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = from.Close(), to.Close()
}

// cut cuts every connection, whatever is on its way, and lets no new one through until mend.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = true
	for c := range w.ends {
		_ = c.Close()
	}
	clear(w.ends)
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = false
}

// edge is an ingress with a buffer, in a process of its own behind a wire to the rig's hub. The rig posts to it.
type edge struct {
	*rig
	wire   *wire
	admin  string // URL
	buffer string // its directory
	args   []string
	*child
	sent []sent
}

// sent is an event that was accepted.
type sent struct {
	id            string
	body          []byte
	before, after time.Time
}

// newEdge starts an edge of the rig's server, with further flags, and configures the webhook genesys, which the edge then knows.
func newEdge(r *rig, flags ...string) *edge {
	r.t.Helper()
	e := edgeOf(r, r.server.URL(), flags...)
	e.start("")
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(r.t, signature.NameGenesysWebhook)})
	e.knows("genesys")
	return e
}

// edgeOf returns an edge of a hub, to be started.
func edgeOf(r *rig, hub string, flags ...string) *edge {
	r.t.Helper()
	e := &edge{rig: r, wire: newWire(r.t, hub), buffer: r.t.TempDir()}
	public, admin := freeAddress(r.t), freeAddress(r.t)
	r.url, e.admin = "http://"+public+"/webhooks/", "http://"+admin
	e.args = append([]string{"ingress", "--nats-url", "nats://" + e.wire.Addr().String(), "--listen", public, "--admin-listen", admin,
		"--stranger-rate", "1e6", "--stranger-burst", "1000000", "--buffer-dir", e.buffer}, flags...)
	return e
}

// start starts the edge, once more where one has ended.
func (e *edge) start(failpoint string) {
	e.t.Helper()
	e.child = e.spawn(failpoint, e.args...)
	e.eventually("the edge is ready", func() bool { return e.alive() && e.readyz() != "" })
}

// knows waits until the edge has the route of a webhook, also once it is started again without its hub.
func (e *edge) knows(webhook string) {
	e.t.Helper()
	e.eventually("the edge knows "+webhook, func() bool {
		kept, _ := os.ReadFile(filepath.Join(e.buffer, routesFile)) // absent at first
		return bytes.Contains(kept, []byte(`"`+webhook+`"`)) && routed(e.url+webhook)
	})
}

func (e *edge) alive() bool {
	select {
	case <-e.done:
		e.t.Fatalf("the edge has ended: %v", e.err)
		return false
	default:
		return true
	}
}

// readyz returns what /readyz says, or "" unless it says that the edge is ready.
func (e *edge) readyz() string {
	res, err := http.Get(e.admin + "/readyz")
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

// kill kills the edge as a power switch does.
func (e *edge) kill() {
	e.t.Helper()
	if err := e.cmd.Process.Kill(); err != nil {
		e.t.Fatal(err)
	}
	e.killed(e.t)
}

// send sends n genuine events that must be accepted.
func (e *edge) send(n int) {
	e.t.Helper()
	for range n {
		if status := e.sendOne(0); status != http.StatusOK {
			e.t.Fatalf("event %d = %d, want 200", len(e.sent), status)
		}
	}
}

// sendOne sends a genuine event with so many bytes beside the usual ones, and returns the status.
func (e *edge) sendOne(more int) int {
	e.t.Helper()
	body := fmt.Appendf(nil, "{\"number\": %d,\n \"text\": \"caf\u00e9 \x00 \xff%s\"}", len(e.sent), strings.Repeat("x", more))
	before := time.Now()
	status, id := e.post("genesys", signed(body), body)
	if status == http.StatusOK {
		e.sent = append(e.sent, sent{id, body, before, time.Now()})
	}
	return status
}

// assertVerified waits until each event that was accepted is verified, and asserts that this was once, as it came.
func (e *edge) assertVerified() {
	e.t.Helper()
	for _, s := range e.sent {
		o := e.outcome(s.id)
		if o.Subject != "verified.genesys" {
			e.t.Fatalf("%s: %s %s", s.id, o.Subject, o.Header.Get(event.HeaderReason))
		}
		if !bytes.Equal(o.Data, s.body) {
			e.t.Errorf("%s: body %.100q, want %.100q", s.id, o.Data, s.body)
		}
		at, err := time.Parse(time.RFC3339Nano, o.Header.Get(event.HeaderReceivedAt))
		if err != nil || at.Before(s.before.Round(0)) || at.After(s.after.Round(0)) {
			e.t.Errorf("%s: received at %s, want between %s and %s", s.id, at, s.before, s.after)
		}
		if o.Header.Get("traceparent") == "" {
			e.t.Errorf("%s: no traceparent", s.id)
		}
	}
	e.assertOnly(bus.StreamVerified, len(e.sent))
	e.assertOnly(bus.StreamRejected, 0)
	e.assertOnly(bus.StreamParked, 0)
}

func (e *edge) assertOnly(stream string, n int) {
	e.t.Helper()
	if s, err := e.bus.State(context.Background(), stream, ""); err != nil || s.Messages != uint64(n) {
		e.t.Errorf("%s holds %d messages, %v; want %d", stream, s.Messages, err, n)
	}
}

// forwarded waits until the edge's buffer is empty.
func (e *edge) forwarded() {
	e.t.Helper()
	e.eventually("the buffer is empty", func() bool { return strings.Contains(e.readyz(), `"buffer": "empty`) })
}
