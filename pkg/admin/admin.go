// Package admin is the listener for people and machines inside: health, and what a role adds to it. It listens on loopback
// unless told otherwise, and answers only requests that name an address, localhost or its own host name, so that a web page
// cannot reach it through a name that it points at loopback.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookproof/hookproof/pkg/secret"
)

const (
	checkTimeout = 2 * time.Second
	drainTimeout = 5 * time.Second
)

// Check reports why a role is not ready, or nil. Detail, where not nil, says what is shown in place of "ok".
type Check struct {
	Name   string
	Run    func(ctx context.Context) error
	Detail func(ctx context.Context) string
}

// Server answers /healthz, /readyz and what Handle adds.
type Server struct {
	mux    *http.ServeMux
	hosts  []string
	log    *slog.Logger
	token  secret.Text // empty for none
	checks []Check
}

// New returns a server that also accepts the given host names. Add checks and handlers before Run.
func New(hosts []string, log *slog.Logger) *Server {
	s := &Server{mux: http.NewServeMux(), hosts: hosts, log: log}
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	s.mux.HandleFunc("GET /readyz", s.ready)
	return s
}

// Handle adds a handler for a pattern of http.ServeMux.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// AddCheck adds a readiness check.
func (s *Server) AddCheck(c Check) { s.checks = append(s.checks, c) }

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	answer := struct {
		Status string            `json:"status"`
		Checks map[string]string `json:"checks"`
	}{"ready", map[string]string{}}
	status := http.StatusOK
	for _, c := range s.checks {
		answer.Checks[c.Name] = "ok"
		if err := c.Run(ctx); err != nil {
			answer.Checks[c.Name] = err.Error()
			answer.Status, status = "not ready", http.StatusServiceUnavailable
		} else if c.Detail != nil {
			answer.Checks[c.Name] = c.Detail(ctx)
		}
	}
	WriteJSON(w, status, answer)
}

// ServeHTTP refuses foreign host names and hands everything else on.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.ownHost(r.Host) {
		WriteJSON(w, http.StatusMisdirectedRequest, map[string]string{"error": "foreign_host", "message": "this listener does not answer to that host name"})
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) ownHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(trimBrackets(host)); err == nil {
		return true
	}
	return host == "localhost" || slices.Contains(s.hosts, host)
}

func trimBrackets(host string) string {
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}

// Run serves on the listener until ctx ends and returns nil. It closes the listener.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-running.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if srv.Shutdown(stop) != nil {
			return srv.Close() // a profile that takes its time, or a page that stays open
		}
		return nil
	})
	return g.Wait()
}

// WriteJSON answers with v as JSON.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // addresses in answers are read by people
	if err := e.Encode(v); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader may be gone
}
