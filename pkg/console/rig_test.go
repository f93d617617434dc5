package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/console"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/health"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
)

const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	traceparent = "00-" + traceID + "-b7ad6b7169203331-01"
	patience    = 30 * time.Second
)

// desk is a console on a real admin listener over a real server.
type desk struct {
	t       *testing.T
	bus     *bus.Bus // another connection than the console's
	server  *bus.Server
	console *console.Console
	url     string
	stop    func() error // ends console and listener, in the order of a process that ends
}

// newDesk starts a console that shows everything, but for what change takes away.
func newDesk(t *testing.T, change func(*console.Config, *admin.Server)) *desk {
	t.Helper()
	b, srv := bustest.New(t, bus.Topology{})
	own := bustest.Connect(t, srv)
	policies := policy.NewStore(own, secret.Resolver{}, bustest.Log(t))
	cfg := console.Config{Instance: "verifier@here/1", Version: "v1", TraceURL: "http://jaeger.example/trace/{trace}", Webhooks: true,
		Streams:   []string{bus.StreamUnverified, bus.StreamVerified, bus.StreamRejected, bus.StreamParked},
		Consumers: []health.Durable{{Stream: bus.StreamUnverified, Consumer: bus.ConsumerVerifier}},
		Audit:     audit.New(own, policies, bustest.Log(t))}
	s := admin.New(nil, bustest.Log(t))
	if change != nil {
		change(&cfg, s)
	}
	c := console.New(cfg, own, bustest.Log(t))
	c.SetPace(50*time.Millisecond, 500*time.Millisecond)
	c.Mount(s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, bus: b, server: srv, console: c, url: "http://" + l.Addr().String()}
	d.run(policies, s, l)
	return d
}

func (d *desk) run(policies *policy.Store, s *admin.Server, l net.Listener) {
	roles, stopRoles := context.WithCancel(context.Background())
	listening, stopAdmin := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = policies.Run(roles) }) // nil at its end
	running.Go(func() { _ = d.console.Run(roles) })
	ended := make(chan error, 1)
	go func() { ended <- s.Run(listening, l) }()
	d.stop = sync.OnceValue(func() error {
		stopRoles()
		running.Wait()
		stopAdmin()
		return <-ended
	})
	d.t.Cleanup(func() {
		if err := d.stop(); err != nil {
			d.t.Errorf("the admin listener = %v", err)
		}
	})
}

// request is what a sender sent, as far as a console could show it.
func request(webhook string) *event.Request {
	return &event.Request{ID: uuid.Must(uuid.NewV7()).String(), Webhook: webhook, ReceivedAt: time.Now(), ClientIP: netip.MustParseAddr("192.0.2.7"),
		Path: "/webhooks/" + webhook + "?<script>path()</script>", Body: []byte("<script>body()</script>"),
		Header: event.CaptureHeader(http.Header{"X-Hostile": {"<script>header()</script>"}}, "")}
}

// reject stores a rejection and returns the request's id.
func (d *desk) reject(webhook string, reason event.Reason, detail string) string {
	d.t.Helper()
	r, err := event.Decode(event.Encode(request(webhook)))
	if err != nil {
		d.t.Fatal(err)
	}
	m := event.RejectedMsg(r, event.Judgement{Verdict: event.Verdict{Reason: reason, Detail: detail}, PolicyRevision: 3, Verifier: "v1"})
	m.Header["traceparent"] = []string{traceparent}
	if _, err := d.bus.Publish(context.Background(), m); err != nil {
		d.t.Fatal(err)
	}
	return r.ID
}

// get asks for an address of the console with a prepared request.
func (d *desk) get(path string, prepare func(*http.Request)) (*http.Response, string) {
	d.t.Helper()
	req, err := http.NewRequest(http.MethodGet, d.url+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if prepare != nil {
		prepare(req)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res, string(body)
}

// page returns the page once it holds a text.
func (d *desk) page(until string) string {
	d.t.Helper()
	return d.pageFor(nil, until)
}

// pageFor is page with prepared requests.
func (d *desk) pageFor(prepare func(*http.Request), until string) string {
	d.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		res, body := d.get("/console", prepare)
		if res.StatusCode == http.StatusOK && strings.Contains(body, until) {
			return body
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("GET /console = %d without %q:\n%s", res.StatusCode, until, body)
		}
	}
}

// sse is one event.
type sse struct{ name, part, html string }

// follow opens the event stream, which ends with the test at the latest. The channel is closed at its end.
func (d *desk) follow() (events <-chan sse, leave func()) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	d.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/console/events", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != "text/event-stream" {
		d.t.Fatalf("GET /console/events = %d %s", res.StatusCode, got)
	}
	all := make(chan sse)
	go func() {
		defer close(all)
		defer res.Body.Close()
		lines := bufio.NewReader(res.Body)
		var e sse
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				e = sse{name: strings.TrimSpace(name)}
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				var u struct{ Part, HTML string }
				if err := json.Unmarshal([]byte(data), &u); err != nil {
					d.t.Errorf("event %s: %v", e.name, err)
				}
				e.part, e.html = u.Part, u.HTML
				select {
				case all <- e:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return all, cancel
}

// await reads events until one is as wanted.
func (d *desk) await(events <-chan sse, what string, wanted func(sse) bool) sse {
	d.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e, open := <-events:
			if !open {
				d.t.Fatalf("the events ended before %s", what)
			}
			if wanted(e) {
				return e
			}
		case <-timeout:
			d.t.Fatalf("no %s after %s", what, patience)
		}
	}
}
