package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
)

// ServerConfig describes an embedded nats-server.
type ServerConfig struct {
	// Dir holds the streams. It is locked: two servers on one directory would both accept writes.
	Dir string
	// Listen is the address for clients, as host:port, port 0 for any; empty opens no port.
	Listen string
	// SyncInterval is how long a stored message may wait for its fsync; default 100 ms. SyncAlways fsyncs before each
	// acknowledgement and overrides it.
	SyncInterval time.Duration
	SyncAlways   bool
	// Key encrypts the streams on disk, with ChaCha20-Poly1305; empty for not at all. With another key than they were made
	// with the streams are not recovered, and Setup refuses.
	Key string
}

const (
	defaultSyncInterval = 100 * time.Millisecond
	serverReadyTimeout  = 2 * time.Minute // recovery after a kill takes 2 to 3 s per million keys
)

// ErrLocked says that another process uses the data directory.
var ErrLocked = errors.New("the data directory is in use by another process")

// Server is a nats-server with JetStream in this process. Whoever started it shuts it down.
type Server struct {
	srv  *server.Server
	lock *flock.Flock
}

// StartServer starts a server and returns once it accepts connections and its streams are recovered.
func StartServer(cfg ServerConfig, log *slog.Logger) (*Server, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(cfg.Dir, "LOCK"))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("%s: %w", cfg.Dir, ErrLocked), err)
	}
	s := &Server{lock: lock}
	opts, err := cfg.options()
	if err == nil {
		s.srv, err = server.NewServer(opts)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	s.srv.SetLoggerV2(serverLog{log}, false, false, false)
	s.srv.Start()
	if !s.srv.ReadyForConnections(serverReadyTimeout) {
		s.Shutdown()
		return nil, fmt.Errorf("the embedded nats-server was not ready within %s; its log says why", serverReadyTimeout)
	}
	return s, nil
}

func (cfg ServerConfig) options() (*server.Options, error) {
	opts := &server.Options{
		ServerName: "hookproof", JetStream: true, StoreDir: cfg.Dir, NoSigs: true, DontListen: cfg.Listen == "",
		SyncInterval: cfg.SyncInterval, SyncAlways: cfg.SyncAlways, JetStreamMaxStore: 1 << 50, // the streams have limits of their own
	}
	if opts.SyncInterval <= 0 {
		opts.SyncInterval = defaultSyncInterval
	}
	if cfg.Key != "" {
		opts.JetStreamKey, opts.JetStreamCipher = cfg.Key, server.ChaCha
	}
	if cfg.Listen == "" {
		return opts, nil
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("NATS listen address %q: %w", cfg.Listen, err)
	}
	if opts.Port, err = strconv.Atoi(port); err != nil {
		return nil, fmt.Errorf("NATS listen address %q: the port is not a number", cfg.Listen)
	}
	if opts.Host = host; opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return opts, nil
}

// URL returns the address for clients, or "" when no port is open.
func (s *Server) URL() string {
	if s.srv.Addr() == nil {
		return ""
	}
	return s.srv.ClientURL()
}

// Shutdown stops the server, writes what is not yet on disk, and unlocks the directory. Close the connections before.
func (s *Server) Shutdown() {
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	_ = s.lock.Unlock()
}

// hasFiles reports whether the server holds files of a stream. A stream with files that the server does not show was not
// recovered (a wrong encryption key looks so), and creating it would delete them.
func (s *Server) hasFiles(stream string) bool {
	dirs, err := filepath.Glob(filepath.Join(s.srv.StoreDir(), "*", "streams", stream))
	return err == nil && len(dirs) > 0
}

// serverLog writes the embedded server's log as ours.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats-server: " + message(format, v))
}
func (l serverLog) Debugf(string, ...any)          {}
func (l serverLog) Tracef(string, ...any)          {}
func (l serverLog) Warnf(format string, v ...any)  { l.log.Warn("nats-server: " + message(format, v)) }
func (l serverLog) Errorf(format string, v ...any) { l.log.Error("nats-server: " + message(format, v)) }
func (l serverLog) Fatalf(format string, v ...any) { l.log.Error("nats-server: " + message(format, v)) }

func message(format string, v []any) string { return strings.TrimSpace(fmt.Sprintf(format, v...)) }
