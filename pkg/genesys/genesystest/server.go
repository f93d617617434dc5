package genesystest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
)

// TB is the part of testing.TB that the package uses. It is declared here so that a command that imports the package
// does not import testing.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Server is an HTTP server for the time of one test.
type Server struct {
	// URL is the base URL, without a trailing slash.
	URL string
	// Client reaches the server.
	Client *http.Client
}

// Serve serves a handler on a loopback port until the test ends.
func Serve(tb TB, h http.Handler) *Server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	return serve(tb, h, l, &http.Transport{})
}

// ServeInMemory serves a handler until the test ends without touching the network, so that it works inside
// testing/synctest. Only the returned Client reaches it.
func ServeInMemory(tb TB, h http.Handler) *Server {
	tb.Helper()
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	return serve(tb, h, l, &http.Transport{DialContext: l.dial})
}

func serve(tb TB, h http.Handler, l net.Listener, transport *http.Transport) *Server {
	var served, connections sync.WaitGroup
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			connections.Add(1)
		case http.StateClosed, http.StateHijacked:
			connections.Done()
		}
	}}
	served.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // nobody else can close the listener
		}
	})
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = srv.Close()
		served.Wait()
		connections.Wait()
	})
	return &Server{URL: "http://" + l.Addr().String(), Client: &http.Client{Transport: transport}}
}

// Start serves the simulator on a loopback port until the test ends.
func (s *Simulator) Start(tb TB) *Server { tb.Helper(); return Serve(tb, s) }

// StartInMemory serves the simulator inside testing/synctest until the test ends.
func (s *Simulator) StartInMemory(tb TB) *Server { tb.Helper(); return ServeInMemory(tb, s) }

// ClientConfig returns what a genesys.Client needs to talk to the simulator at srv as its first OAuth client.
func (s *Simulator) ClientConfig(srv *Server) genesys.Config {
	c := s.cfg.Clients[0]
	return genesys.Config{
		APIURL: srv.URL, LoginURL: srv.URL, ClientID: c.ID, ClientSecret: c.Secret, HTTPClient: srv.Client,
	}
}

// pipeListener is a net.Listener whose connections are net.Pipes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener with an address that base URLs may have over plain HTTP.
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
