package bus_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// bodies returns a handler that accepts everything and a channel of what it got.
func bodies() (bus.Handler, <-chan string) {
	got := make(chan string, 100)
	return func(_ context.Context, d *bus.Delivery) error { got <- string(d.Msg.Data); return nil }, got
}

func TestConsumeGoesOnWithANewConsumer(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	h, got := bodies()
	consume(t, b, 2, time.Minute, h)
	publish(t, b, "unverified.genesys", "", "before")
	if s := receive(t, got, "the first delivery"); s != "before" {
		t.Fatalf("delivery = %q, want before", s)
	}
	eventually(t, patience, "the first is acknowledged", func() bool { return waiting(t, b) == 0 })
	if err := native(t, srv).DeleteConsumer(t.Context(), bus.StreamUnverified, bus.ConsumerVerifier); err != nil {
		t.Fatal(err)
	}
	publish(t, b, "unverified.genesys", "", "between")
	if err := b.Setup(t.Context(), bus.Topology{}, srv); err != nil {
		t.Fatal(err)
	}
	publish(t, b, "unverified.genesys", "", "after")
	seen := map[string]bool{receive(t, got, "a delivery"): true, receive(t, got, "another delivery"): true}
	if !seen["between"] || !seen["after"] {
		t.Errorf("deliveries of the new consumer = %v, want between and after", seen)
	}
}

func TestConsumeWaitsForAMissingConsumer(t *testing.T) {
	srv := bustest.Start(t)
	b := bustest.Connect(t, srv)
	h, got := bodies()
	consume(t, b, 1, time.Minute, h)
	if err := b.Setup(t.Context(), bus.Topology{}, srv); err != nil {
		t.Fatal(err)
	}
	publish(t, b, "unverified.genesys", "", "body")
	receive(t, got, "the delivery")
}

func TestConsumeEndsSoonWithoutAServer(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	h, got := bodies()
	stop := consume(t, b, 1, time.Minute, h)
	publish(t, b, "unverified.genesys", "", "body")
	receive(t, got, "the delivery")
	srv.Shutdown()
	eventually(t, patience, "the connection is lost", func() bool { return b.Ready(t.Context()) != nil })
	began := time.Now()
	stop()
	if d := time.Since(began); d >= 10*time.Second { // as long as draining would wait
		t.Errorf("Consume ended %s after its context, want at once: there is nothing in flight and nobody to give back to", d)
	}
}

// restartable starts a server, sets it up and connects by its port. again starts another on the same port and directory.
func restartable(t *testing.T) (b *bus.Bus, first *bus.Server, again func() *bus.Server) {
	t.Helper()
	cfg := bus.ServerConfig{Dir: t.TempDir(), Listen: bustest.Loopback() + ":0"}
	start := func() *bus.Server {
		t.Helper()
		srv, err := bus.StartServer(cfg, bustest.Log(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(srv.Shutdown)
		return srv
	}
	first = start()
	u, err := url.Parse(first.URL())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen = u.Host
	if b, err = bus.Connect(bus.Config{URL: first.URL()}, bustest.Log(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.Setup(t.Context(), bus.Topology{}, first); err != nil {
		t.Fatal(err)
	}
	return b, first, start
}

func TestConsumeAndMirrorGoOnAfterAServerRestart(t *testing.T) {
	b, first, again := restartable(t)
	h, got := bodies()
	consume(t, b, 1, time.Minute, h)
	m := mirror(b)
	run(t, m.Run)
	publish(t, b, "unverified.genesys", "", "before")
	receive(t, got, "the delivery before")

	first.Shutdown()
	second := again()
	eventually(t, patience, "the connection is back", func() bool { return b.Ready(t.Context()) == nil })
	publish(t, b, "unverified.genesys", "", "after")
	for s := ""; s != "after"; { // "before" may come again: its acknowledgement may have been lost
		s = receive(t, got, "the delivery after")
	}
	put(t, bustest.Connect(t, second), "genesys", "after")
	eventually(t, patience, "the mirror follows again", func() bool { v, _ := m.Get("genesys"); return v == "after" })
}
