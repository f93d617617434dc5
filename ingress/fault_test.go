package ingress_test

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/route"
)

func natsMsg(s bus.Stored) *nats.Msg {
	return &nats.Msg{Subject: s.Subject, Header: s.Header, Data: s.Data}
}

const head = "POST /webhooks/genesys HTTP/1.1\r\nHost: hooks.example.com\r\n"

// TestBusDown holds that a request is tried until Genesys Cloud is about to give up, and then refused.
func TestBusDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick(), bus.Topology{}, route.Route{Webhook: "genesys"})
	r.post("genesys", nil, "{}").want(t, "with the bus", 200, "", "")
	if err := r.in.Storing(t.Context()); err != nil {
		t.Errorf("Storing = %v with the bus", err)
	}
	r.srv.Shutdown()
	began := time.Now()
	r.post("genesys", nil, "{}").want(t, "without the bus", 503, "not_stored", "2")
	if took := time.Since(began); took < 7*time.Second {
		t.Errorf("503 came after %s, want 8 s", took)
	}
	if r.in.Storing(t.Context()) == nil {
		t.Error("Storing = nil after a request that could not be stored")
	}
}

// TestTriedAgain has nobody store the first tries of requests that come at once: the next ones have to go each by itself,
// because in a group the server may take what it has heard of for stored.
func TestTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick(), bus.Topology{}, route.Route{Webhook: "genesys"})
	nc, err := nats.Connect(r.srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), bus.StreamUnverified)
	if err == nil {
		err = js.DeleteStream(t.Context(), bus.StreamUnverified)
	}
	if err != nil {
		t.Fatal(err)
	}
	sub, err := nc.SubscribeSync("unverified.genesys") // with it nobody says that there is no stream
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	const requests = 20
	answers := make(chan answer, requests)
	for range requests {
		go func() { answers <- r.post("genesys", nil, "{}") }()
	}
	tries, grouped := map[string]int{}, map[string]int{}
	count := func(m *nats.Msg) {
		id := m.Header.Get("Nats-Msg-Id")
		tries[id]++
		if strings.HasSuffix(m.Reply, ".$FI") {
			grouped[id]++
		}
	}
	for range requests {
		m, err := sub.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		count(m)
	}
	if _, err := js.CreateStream(t.Context(), stream.CachedInfo().Config); err != nil {
		t.Fatal(err)
	}
	for range requests {
		(<-answers).want(t, "tried again", 200, "", "")
	}
	for m, err := sub.NextMsg(time.Millisecond); err == nil; m, err = sub.NextMsg(time.Millisecond) {
		count(m)
	}
	for id, n := range grouped {
		if n > 1 {
			t.Errorf("%d tries of %s go in a group, want the first at most", n, id)
		}
	}
	if again := slices.Max(slices.Collect(maps.Values(tries))); again < 2 {
		t.Error("nothing was sent again")
	}
	if got := r.stored(); got != requests {
		t.Errorf("%d messages are stored, want %d", got, requests)
	}
}

// TestFull fills UNVERIFIED: at first strangers have to stop, then everybody.
func TestFull(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick(), bus.Topology{MaxStorage: 8 << 20}, // 2 MiB for UNVERIFIED
		route.Route{Webhook: "genesys", Allowlist: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	body := strings.Repeat("x", 100<<10)
	insider, stranger := from("192.0.2.1"), from("198.51.100.1")
	r.post("genesys", stranger, "{}").want(t, "a stranger with an empty stream", 200, "", "")
	for range 17 { // 1.7 MB of 2 MB
		r.post("genesys", insider, body).want(t, "an insider while there is room", 200, "", "")
	}
	eventually(t, "strangers are refused", func() bool { return r.post("genesys", stranger, "{}").status == 503 })
	r.post("genesys", stranger, "{}").want(t, "a stranger above the mark", 503, "not_stored", "2")
	r.post("genesys", insider, body).want(t, "an insider above the mark", 200, "", "")
	var last answer
	for range 10 {
		if last = r.post("genesys", insider, body); last.status != 200 {
			break
		}
	}
	before := r.stored()
	began := time.Now()
	r.post("genesys", insider, body).want(t, "an insider with a full stream", 503, "not_stored", "2")
	if took := time.Since(began); took > 7*time.Second {
		t.Errorf("503 of a full stream came after %s, want it at once", took)
	}
	if got := r.stored(); got != before {
		t.Errorf("%d messages after a refusal, want %d", got, before)
	}
	if r.in.Storing(t.Context()) == nil {
		t.Error("Storing = nil with a full stream")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.bus.Consume(ctx, bus.StreamUnverified, bus.ConsumerVerifier, 1, 0, func(_ context.Context, d *bus.Delivery) error {
		if len(d.Msg.Data) == len(body) {
			cancel()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is room", func() bool { return r.stored() < before-1 }) // the first is a stranger's, and small
	r.post("genesys", insider, "{}").want(t, "one that fits", 200, "", "")
	if err := r.in.Storing(t.Context()); err != nil {
		t.Errorf("Storing = %v after a request that was stored", err)
	}
}

// TestSlowBody sends a part of a body and waits.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick(), bus.Topology{}, route.Route{Webhook: "genesys"})
	client := r.dial()
	defer client.close()
	client.write(head + "Content-Length: 100\r\n\r\n{")
	client.answer().want(t, "a slow body", 408, "body_too_slow", "")
	if !client.closed() {
		t.Error("the connection stays open, want it closed")
	}
	if got := r.stored(); got != 0 {
		t.Errorf("%d messages are stored, want none", got)
	}
}

// TestSlowHeader never ends its headers.
func TestSlowHeader(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick(), bus.Topology{}, route.Route{Webhook: "genesys"})
	client := r.dial()
	defer client.close()
	client.write(head)
	if !client.closed() {
		t.Error("the connection stays open, want it closed before the test's patience ends")
	}
}

// TestDrain stops a server while it reads a body: that request is still accepted, and no new one is.
func TestDrain(t *testing.T) {
	r := newRig(t, quick(), bus.Topology{}, route.Route{Webhook: "genesys"})
	client := r.dial()
	defer client.close()
	client.write(head + "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
	if a := client.answer(); a.status != http.StatusContinue { // the server says so when it begins to read the body
		t.Fatalf("answer = %d, want 100", a.status)
	}
	r.stop()
	eventually(t, "the port is closed", func() bool {
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	client.write("[42]")
	client.answer().want(t, "the request in flight", 200, "", "")
	r.ended()
	m, err := r.bus.Last(t.Context(), bus.StreamUnverified, "unverified.genesys")
	if err != nil || !bytes.Equal(m.Data, []byte("[42]")) {
		t.Errorf("Last = %q, %v, want the request in flight", m.Data, err)
	}
}

// TestDrainIsBounded holds that a sender who never ends its body cannot keep the server from stopping.
func TestDrainIsBounded(t *testing.T) {
	cfg := quick()
	cfg.Drain = 50 * time.Millisecond
	r := newRig(t, cfg, bus.Topology{}, route.Route{Webhook: "genesys"})
	client := r.dial()
	defer client.close()
	client.write(head + "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
	client.answer()
	r.stop()
	select {
	case err := <-r.done:
		if err == nil {
			t.Error("Run = nil, want an error that says that a request was cut off")
		}
		r.done <- nil
	case <-time.After(patience):
		t.Error("Run did not return")
	}
}
