package bus_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// patience is how long a test waits for what must happen. It is less than the 30 s after which the server delivers again.
const patience = 25 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t testing.TB, url string, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func inProcess(s *server.Server) nats.Option { return nats.InProcessServer(s) }

// native returns JetStream as the nats client shows it, to do what operators do by hand.
func native(t testing.TB, srv *bus.Server) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(connect(t, srv.URL()))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// message returns a message; an empty id leaves it without one.
func message(subject, id, body string) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Data = []byte(body)
	if id != "" {
		m.Header.Set(jetstream.MsgIDHeader, id)
	}
	return m
}

func publish(t testing.TB, b *bus.Bus, subject, id, body string) bus.Ack {
	t.Helper()
	ack, err := b.Publish(t.Context(), message(subject, id, body))
	if err != nil {
		t.Fatalf("Publish(%q) = %v", subject, err)
	}
	return ack
}

// receive waits for a value.
func receive[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not happen within %s", what, patience)
		panic("unreachable")
	}
}

// eventually polls what nothing can be waited for.
func eventually(t testing.TB, within time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not so within %s", what, within)
		}
	}
}

// decide does what goes again under the same id or with the same value while nobody tells what became of it, as after a server
// that was too busy to answer in time.
func decide(do func() error) error {
	err := do()
	for end := time.Now().Add(patience); errors.Is(err, bus.ErrUnavailable) && time.Now().Before(end); err = do() {
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// run runs a method that blocks until its context ends. The stop it returns ends it and waits for it.
func run(t testing.TB, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	var stopped bool
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := receive(t, done, "the end of the run"); err != nil {
			t.Errorf("run = %v, want nil after its context ended", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func TestServerLocksItsDirectory(t *testing.T) {
	dir := t.TempDir()
	first, err := bus.StartServer(bus.ServerConfig{Dir: dir}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	if second, err := bus.StartServer(bus.ServerConfig{Dir: dir}, bustest.Log(t)); !errors.Is(err, bus.ErrLocked) {
		t.Errorf("StartServer on a directory in use = %v, %v, want ErrLocked", second, err)
	}
	first.Shutdown()
	third, err := bus.StartServer(bus.ServerConfig{Dir: dir}, bustest.Log(t))
	if err != nil {
		t.Fatalf("StartServer after Shutdown = %v, want nil", err)
	}
	third.Shutdown()
}

func TestServerListen(t *testing.T) {
	for _, tt := range []struct {
		name, listen string
		ok, url      bool
	}{
		{"no port", "", true, false},
		{"any port", "127.0.0.1:0", true, true},
		{"no colon", "127.0.0.1", false, false},
		{"not a number", "127.0.0.1:nats", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := bus.ServerConfig{Dir: t.TempDir(), Listen: tt.listen}
			srv, err := bus.StartServer(cfg, bustest.Log(t))
			if (err == nil) != tt.ok {
				t.Fatalf("StartServer(%q) = %v, want ok %v", tt.listen, err, tt.ok)
			}
			if err != nil { // a refused start must not keep the lock
				cfg.Listen = ""
				if srv, err = bus.StartServer(cfg, bustest.Log(t)); err != nil {
					t.Fatalf("StartServer after a refusal = %v, want nil", err)
				}
			}
			defer srv.Shutdown()
			if got := srv.URL() != ""; got != tt.url {
				t.Errorf("URL() = %q, want one %v", srv.URL(), tt.url)
			}
		})
	}
}

func TestRestartKeepsMessages(t *testing.T) {
	cfg := bus.ServerConfig{Dir: t.TempDir()}
	for i, duplicate := range []bool{false, true} {
		srv, err := bus.StartServer(cfg, bustest.Log(t))
		if err != nil {
			t.Fatal(err)
		}
		b, err := bus.Connect(bus.Config{InProcess: srv}, bustest.Log(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Setup(t.Context(), bus.Topology{}, srv); err != nil {
			t.Fatal(err)
		}
		if ack := publish(t, b, "verified.genesys", "id-1", "body"); ack.Duplicate != duplicate {
			t.Errorf("start %d: Publish of id-1: duplicate = %v, want %v", i, ack.Duplicate, duplicate)
		}
		if m, err := b.Last(t.Context(), bus.StreamVerified, "verified.*"); err != nil || string(m.Data) != "body" {
			t.Errorf("start %d: Last = %q, %v, want %q", i, m.Data, err, "body")
		}
		holder, err := b.NewClaims(bus.BucketReplayBody).Claim(t.Context(), "key", []byte("me"))
		if err != nil || (holder != nil) != duplicate {
			t.Errorf("start %d: Claim = %v, %v, want a holder %v", i, holder, err, duplicate)
		}
		b.Close()
		srv.Shutdown()
	}
}

// TestKeysChanged takes a connected client's password away for longer than nats.go would try by itself, and gives it back.
func TestKeysChanged(t *testing.T) {
	opts := &server.Options{Host: "127.0.0.1", Port: -1, Username: "ingress", Password: "right", NoSigs: true, NoLog: true}
	srv, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(patience) {
		t.Fatal("the server did not start")
	}
	cfg := bus.Config{URL: srv.ClientURL(), User: "ingress", Password: "another"}
	if _, err := bus.Connect(cfg, bustest.Log(t)); err == nil {
		t.Fatal("Connect with a wrong password = nil")
	}
	cfg.Password = "right"
	b, err := bus.Connect(cfg, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	reload := func(password string) {
		t.Helper()
		changed := opts.Clone()
		changed.Port, changed.Password = srv.Addr().(*net.TCPAddr).Port, password
		if err := srv.ReloadOptions(changed); err != nil {
			t.Fatal(err)
		}
	}
	reload("another")
	time.Sleep(3 * time.Second) // five tries: at the second nats.go gives up by default
	if err := b.Ready(t.Context()); err == nil {
		t.Fatal("Ready with a wrong password = nil")
	}
	reload("right")
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if err = b.Ready(t.Context()); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("Ready with the right password = %v", err)
		}
	}
}
