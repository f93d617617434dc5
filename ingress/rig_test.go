package ingress_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hookproof/hookproof/ingress"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/route"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// rig is an ingress on a real bus, with routes loaded and a port open.
type rig struct {
	t    testing.TB
	bus  *bus.Bus
	srv  *bus.Server
	addr string
	in   *ingress.Server
	stop context.CancelFunc
	done chan error // what Run returned
}

// quick are settings under which no test meets the strangers' budget by chance.
func quick() ingress.Config {
	return ingress.Config{StrangerRate: 1e6, StrangerBurst: 1e6, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
}

func newRig(t testing.TB, cfg ingress.Config, topology bus.Topology, routes ...route.Route) *rig {
	t.Helper()
	b, srv := bustest.New(t, topology)
	for _, rt := range routes {
		value, err := rt.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(t.Context(), bus.BucketRoutes, rt.Webhook, value); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &rig{t: t, bus: b, srv: srv, addr: l.Addr().String(), stop: cancel, done: make(chan error, 1)}
	in := ingress.New(cfg, b, noop.Tracer{}, bustest.Log(t))
	r.in = in
	go func() { r.done <- in.Run(ctx, l) }()
	t.Cleanup(func() { cancel(); r.ended() })
	select {
	case <-in.Loaded():
	case <-time.After(patience):
		t.Fatal("the routes were not loaded")
	}
	return r
}

// ended waits until Run has returned.
func (r *rig) ended() {
	r.t.Helper()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("Run = %v, want nil", err)
		}
		r.done <- nil // for the next who asks
	case <-time.After(patience):
		r.t.Fatal("Run did not return")
	}
}

// answer is what the sender reads.
type answer struct {
	status int
	header http.Header
	body   string
	code   string // the field error
	id     string
}

// send sends a request; the path goes on the wire as it is given.
func (r *rig) send(method, path string, h http.Header, body string) answer {
	r.t.Helper()
	c := r.dial()
	defer c.close()
	return c.send(method, path, h, body)
}

func (r *rig) post(webhook string, h http.Header, body string) answer {
	r.t.Helper()
	return r.send(http.MethodPost, "/webhooks/"+webhook, h, body)
}

// from is a header by which the trusted proxy says who sent a request.
func from(address string) http.Header { return http.Header{"X-Forwarded-For": {address}} }

// stored returns how many messages wait for a verifier.
func (r *rig) stored() uint64 {
	r.t.Helper()
	state, err := r.bus.State(context.Background(), bus.StreamUnverified, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return state.Messages
}

// eventually polls what a sender or an operator can only poll.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// conn is a connection on which a test writes what it likes.
type conn struct {
	t    testing.TB
	net  net.Conn
	read *bufio.Reader
}

func (r *rig) dial() *conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	return &conn{r.t, c, bufio.NewReader(c)}
}

func (c *conn) close() { _ = c.net.Close() }

// write writes bytes. A server that has refused the request may have closed the connection already.
func (c *conn) write(text string) { _, _ = io.WriteString(c.net, text) }

func (c *conn) send(method, path string, h http.Header, body string) answer {
	c.t.Helper()
	var b strings.Builder
	b.WriteString(method + " " + path + " HTTP/1.1\r\nHost: hooks.example.com\r\n")
	if err := h.Write(&b); err != nil {
		c.t.Fatal(err)
	}
	if body != "" || method == http.MethodPost {
		b.WriteString("Content-Length: " + itoa(len(body)) + "\r\n")
	}
	c.write(b.String() + "\r\n" + body)
	return c.answer()
}

// answer reads one answer.
func (c *conn) answer() answer {
	c.t.Helper()
	res, err := http.ReadResponse(c.read, nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	return readAnswer(c.t, res)
}

func readAnswer(t testing.TB, res *http.Response) answer {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := answer{status: res.StatusCode, header: res.Header, body: string(body)}
	var fields struct{ Error, Message, Status, ID string }
	if err := json.Unmarshal(body, &fields); err == nil {
		out.code, out.id = fields.Error, fields.ID
	}
	return out
}

// closed reports whether the server closed the connection and sent nothing more.
func (c *conn) closed() bool {
	_, err := c.read.ReadByte()
	return err != nil && !isTimeout(err)
}

// want checks an answer: its status, its code, that it is JSON, and how long to wait, "" for not told.
func (a answer) want(t testing.TB, what string, status int, code, retryAfter string) {
	t.Helper()
	if a.status != status || a.code != code || a.header.Get("Retry-After") != retryAfter {
		t.Errorf("%s = %d %q, Retry-After %q, want %d %q, %q (body: %.200s)", what, a.status, a.code, a.header.Get("Retry-After"), status, code, retryAfter, a.body)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/json" || !json.Valid([]byte(a.body)) {
		t.Errorf("%s: %q %.200q, want JSON", what, ct, a.body)
	}
}
