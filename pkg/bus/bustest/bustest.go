// Package bustest starts a real nats-server in the test's process. There is no mock of NATS in this project.
package bustest

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
)

// Start starts a server with an empty directory and a port, and ends it with the test.
func Start(t testing.TB) *bus.Server {
	t.Helper()
	// The timer of a stream's syncs races with the making of the stream (nats-server 2.15.2) when it fires before that has ended, as
	// the default interval lets it on a busy machine. No test loses power.
	const syncInterval = time.Minute
	srv, err := bus.StartServer(bus.ServerConfig{Dir: t.TempDir(), Listen: "127.0.0.1:0", SyncInterval: syncInterval}, Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Shutdown)
	return srv
}

// Connect connects in-process and closes with the test.
func Connect(t testing.TB, srv *bus.Server) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(bus.Config{InProcess: srv, Name: t.Name()}, Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// Loopback returns an address for a port that is given up and taken again. Where there is more than one, nothing else uses it,
// so that no connection of another test takes the port meanwhile.
func Loopback() string {
	if runtime.GOOS == "linux" {
		return "127.0.0.3"
	}
	return "127.0.0.1"
}

// New starts a server, sets the topology up and returns a connection to it.
func New(t testing.TB, topology bus.Topology) (*bus.Bus, *bus.Server) {
	t.Helper()
	srv := Start(t)
	b := Connect(t, srv)
	if err := b.Setup(context.Background(), topology, srv); err != nil {
		t.Fatal(err)
	}
	return b, srv
}

// Log returns a logger that writes to the test's output, and drops what a connection still has to say after the clean-ups that
// the test registers later: once the last test has ended, to write there panics.
func Log(t testing.TB) *slog.Logger {
	o := &output{to: t.Output()}
	t.Cleanup(o.close)
	return slog.New(slog.NewTextHandler(o, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type output struct {
	mu sync.Mutex
	to io.Writer // nil once closed
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.to == nil {
		return len(p), nil
	}
	return o.to.Write(p)
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to = nil
}
