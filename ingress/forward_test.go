package ingress_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/ingress"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
)

// hub is a server that can be restarted with other limits.
type hub struct {
	t       *testing.T
	opts    server.Options
	running *server.Server
	*bus.Bus
}

// newHub starts a server that takes messages up to so many bytes.
func newHub(t *testing.T, maxPayload int32) *hub {
	t.Helper()
	h := &hub{t: t, opts: server.Options{Host: bustest.Loopback(), Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true}}
	h.start(maxPayload)
	h.opts.Port = h.running.Addr().(*net.TCPAddr).Port // when it starts again
	t.Cleanup(func() { h.stop() })
	var err error
	if h.Bus, err = bus.Connect(bus.Config{URL: h.running.ClientURL()}, bustest.Log(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func (h *hub) start(maxPayload int32) {
	h.t.Helper()
	opts := h.opts
	opts.MaxPayload = maxPayload
	var err error
	if h.running, err = server.NewServer(&opts); err != nil {
		h.t.Fatal(err)
	}
	h.running.Start()
	if !h.running.ReadyForConnections(patience) {
		h.t.Fatal("the hub is not ready")
	}
}

func (h *hub) stop() {
	h.running.Shutdown()
	h.running.WaitForShutdown()
}

// waits returns how many messages a stream holds; it is not told while the bus is away.
func waits(b *bus.Bus, stream string) int {
	s, err := b.State(context.Background(), stream, "")
	if err != nil {
		return -1
	}
	return int(s.Messages)
}

// buffer is an embedded server beside a hub, and the forwarder between them.
type buffer struct {
	t     *testing.T
	local *bus.Bus
	srv   *bus.Server
	end   func()
}

func newBuffer(t *testing.T, maxBytes int64, h *hub) *buffer {
	t.Helper()
	srv := bustest.Start(t)
	b := &buffer{t: t, local: bustest.Connect(t, srv), srv: srv}
	b.start(maxBytes, h)
	t.Cleanup(func() { b.end() })
	return b
}

// start starts a forwarder as a new process does.
func (b *buffer) start(maxBytes int64, h *hub) {
	b.t.Helper()
	if err := b.local.SetupBuffer(b.t.Context(), maxBytes, b.srv); err != nil {
		b.t.Fatal(err)
	}
	f := ingress.NewForwarder(ingress.ForwardConfig{Grace: time.Millisecond}, b.local, h.Bus, bustest.Log(b.t))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- f.Run(ctx, func(ctx context.Context) error { <-ctx.Done(); return errors.New("the capture's own") })
	}()
	b.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err == nil || err.Error() != "the capture's own" {
			b.t.Errorf("Run = %v, want the capture's error", err)
		}
	})
}

// put stores a request as a server does, and returns it.
func (b *buffer) put(id string, body []byte) *nats.Msg {
	b.t.Helper()
	m := event.Encode(&event.Request{ID: id, Webhook: "genesys", ReceivedAt: time.Now(), RemoteAddr: "192.0.2.1:1", ClientIP: netip.MustParseAddr("192.0.2.1"),
		Path: "/webhooks/genesys", Header: event.CaptureHeader(http.Header{"X-Twice": {"a", "b"}}, "hooks.example.com"), Body: body})
	m.Header["traceparent"] = []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	kept := &nats.Msg{Subject: m.Subject, Header: maps.Clone(m.Header), Data: slices.Clone(m.Data)}
	if _, err := b.local.Publish(b.t.Context(), m); err != nil {
		b.t.Fatal(err)
	}
	return kept
}

// TestForwardRefused has the hub refuse a message for its size: it does not hold the others up, it is kept, and it is
// forwarded once the hub takes it.
func TestForwardRefused(t *testing.T) {
	t.Parallel()
	h := newHub(t, 64<<10)
	if err := h.Setup(t.Context(), bus.Topology{}, nil); err != nil {
		t.Fatal(err)
	}
	b := newBuffer(t, 16<<20, h)
	b.put("first", []byte("{}"))
	large := b.put("large", bytes.Repeat([]byte("x"), 200<<10))
	b.put("last", []byte("{}"))
	eventually(t, "two forwarded and one set aside", func() bool {
		return waits(h.Bus, bus.StreamUnverified) == 2 && waits(b.local, bus.StreamBuffer) == 0 && waits(b.local, bus.StreamRefused) == 1
	})
	b.end()
	h.stop()
	h.start(1 << 20)
	b.start(16<<20, h)
	eventually(t, "the large one forwarded", func() bool {
		return waits(h.Bus, bus.StreamUnverified) == 3 && waits(b.local, bus.StreamRefused) == 0
	})
	got, err := h.Last(t.Context(), bus.StreamUnverified, "unverified.genesys")
	if err != nil || got.Subject != large.Subject || !bytes.Equal(got.Data, large.Data) || !maps.EqualFunc(got.Header, large.Header, slices.Equal) {
		t.Errorf("forwarded as\n%s %v, %v, want\n%s %v", got.Subject, got.Header, err, large.Subject, large.Header)
	}
}

// TestForwardRefusedWithoutRoom has no room for what the hub refuses. It stays where it is, and the others pass.
func TestForwardRefusedWithoutRoom(t *testing.T) {
	t.Parallel()
	h := newHub(t, 64<<10)
	if err := h.Setup(t.Context(), bus.Topology{}, nil); err != nil {
		t.Fatal(err)
	}
	b := newBuffer(t, 1<<20, h) // 100 KiB for what is refused
	b.put("large", bytes.Repeat([]byte("x"), 200<<10))
	for i := range 10 {
		b.put("small "+itoa(i), []byte("{}"))
	}
	eventually(t, "the small ones forwarded, the large one kept", func() bool {
		return waits(h.Bus, bus.StreamUnverified) == 10 && waits(b.local, bus.StreamBuffer) == 1 && waits(b.local, bus.StreamRefused) == 0
	})
}

// TestForwardUnsafeHub forwards nothing to a hub that would lose it.
func TestForwardUnsafeHub(t *testing.T) {
	t.Parallel()
	h := newHub(t, 1<<20)
	nc, err := nats.Connect(h.running.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	unsafe := jetstream.StreamConfig{Name: bus.StreamUnverified, Subjects: []string{"unverified.*"}, Retention: jetstream.WorkQueuePolicy, MaxBytes: 1 << 20, Discard: jetstream.DiscardOld}
	if _, err := js.CreateStream(t.Context(), unsafe); err != nil {
		t.Fatal(err)
	}
	srv := bustest.Start(t)
	local := bustest.Connect(t, srv)
	if err := local.SetupBuffer(t.Context(), 16<<20, srv); err != nil {
		t.Fatal(err)
	}
	b := &buffer{t: t, local: local, srv: srv}
	b.put("first", []byte("{}"))
	f := ingress.NewForwarder(ingress.ForwardConfig{Grace: time.Millisecond}, local, h.Bus, bustest.Log(t))
	err = f.Run(t.Context(), func(context.Context) error {
		var cause error
		eventually(t, "it says why", func() bool {
			hub := f.Hub()
			cause = hub.Cause
			return hub.Away && errors.Is(cause, bus.ErrUnsafe)
		})
		if n := waits(h.Bus, bus.StreamUnverified); n != 0 || !strings.Contains(cause.Error(), "discards its oldest messages") {
			t.Errorf("%d messages at the hub, %v", n, cause)
		}
		safe := unsafe
		safe.Discard = jetstream.DiscardNew
		if _, err := js.UpdateStream(t.Context(), safe); err != nil {
			return err
		}
		eventually(t, "forwarded", func() bool { return waits(h.Bus, bus.StreamUnverified) == 1 })
		return nil
	})
	if err != nil {
		t.Errorf("Run = %v", err)
	}
}
