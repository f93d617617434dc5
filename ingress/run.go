package ingress

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Time-outs of the public server. Without them a few hundred slow connections hold it.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = storeWithin // later it would not be stored
	writeTimeout      = 20 * time.Second
	idleTimeout       = 60 * time.Second
	fillInterval      = time.Second
)

// protocols is HTTP/1.1 alone: what a proxy and this server make of one request was compared for it, byte by byte.
var protocols = func() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}()

// Run serves on the listener until ctx ends, then finishes requests in flight and returns nil, or an error when they took
// longer than Config.Drain. It closes the listener.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s, Protocols: protocols, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		// Above this net/http itself answers 431, in plain text; below it checkHeader does, in JSON.
		MaxHeaderBytes: 2 * maxHeaderBytes,
		// Otherwise OPTIONS * is answered with 200, although nothing was stored.
		DisableGeneralOptionsHandler: true, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if s.cfg.TLSCert != "" {
		certs := &certificate{certFile: s.cfg.TLSCert, keyFile: s.cfg.TLSKey, log: s.log}
		if _, err := certs.get(nil); err != nil {
			return errors.Join(err, l.Close())
		}
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certs.get}
	}
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return s.routes.Run(running) })
	g.Go(func() error { s.watchFill(running); return nil })
	g.Go(func() error {
		var err error
		if srv.TLSConfig != nil {
			err = srv.ServeTLS(l, "", "")
		} else {
			err = srv.Serve(l)
		}
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	})
	g.Go(func() error {
		<-running.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Drain)
		defer cancel()
		return srv.Shutdown(stop)
	})
	return g.Wait()
}

// Loaded is closed once the routes are loaded; before that every request is answered with 503.
func (s *Server) Loaded() <-chan struct{} { return s.routes.Loaded() }

// Knows reports whether there is a route for a webhook.
func (s *Server) Knows(webhook string) bool {
	_, ok := s.routes.Get(webhook)
	return ok
}

// watchFill notes when the stream is so full that strangers have to stop.
func (s *Server) watchFill(ctx context.Context) {
	tick := time.NewTicker(fillInterval)
	defer tick.Stop()
	for {
		if state, err := s.bus.State(ctx, s.storedOn(), ""); err == nil {
			full := state.Fill() >= strangersStop
			if s.full.Swap(full) != full {
				s.log.Warn("backlog crossed the mark for strangers", "refused", full, "fill", state.Fill())
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
