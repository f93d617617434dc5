package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Config says how to reach a NATS server. The zero value connects to nats://127.0.0.1:4222 without credentials.
type Config struct {
	URL         string // one or several, comma-separated
	Name        string // of the connection, as the server shows it
	Creds       string // path of a credentials file
	NKey        string // path of an nkey seed file
	User        string
	Password    string
	Token       string
	CA          string // path of a PEM file
	Cert, Key   string // paths of a client certificate and its key
	APIPrefix   string // of the JetStream API, where another account exports it; default $JS.API
	InboxPrefix string // of replies, where an account allows only that; default _INBOX
	// Commit is how publishers have groups stored. The default is CommitFast, but with APIPrefix CommitAtomic: nats-server
	// 2.15 keeps the reply subject of every message that crosses to another account for minutes, unless it is answered, and
	// in a fast group hardly one is.
	Commit Commit

	// InProcess connects to an embedded server without a socket. It overrides URL.
	InProcess *Server
	// Wait has Connect return at once when no server answers, or none accepts the credentials, and go on trying for ever.
	Wait bool
}

// Limits of asynchronous publishing.
const (
	publishTimeout    = 5 * time.Second
	publishMaxPending = 16384
	apiTimeout        = 5 * time.Second
	closeFlush        = 2 * time.Second
)

// Bus is a connection to JetStream. It is safe for concurrent use; whoever connected closes it.
type Bus struct {
	nc  *nats.Conn
	js  jetstream.JetStream
	api string // prefix of the JetStream API's subjects, with the last dot
	// commit is how its publishers have groups stored.
	commit Commit
	log    *slog.Logger
	why    atomic.Pointer[error] // what the last try to connect again failed with

	mu         sync.Mutex
	publishers []*Publisher // to tell of a lost connection
}

// Connect connects and keeps the connection: it reconnects for ever, without a buffer, because a claim or publish that was
// buffered would go out after its deadline. It returns an error when no server answers at first, unless cfg.Wait is set.
func Connect(cfg Config, log *slog.Logger) (*Bus, error) {
	b := &Bus{log: log, api: cmp.Or(cfg.APIPrefix, "$JS.API") + ".", commit: cmp.Or(cfg.Commit, CommitFast)}
	if cfg.Commit == "" && cfg.APIPrefix != "" {
		b.commit = CommitAtomic
	}
	opts, err := cfg.options(b)
	if err != nil {
		return nil, err
	}
	b.nc, err = nats.Connect(cfg.url(), opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", cfg.url(), err)
	}
	js := []jetstream.JetStreamOpt{
		jetstream.WithPublishAsyncTimeout(publishTimeout), jetstream.WithPublishAsyncMaxPending(publishMaxPending),
		jetstream.WithDefaultTimeout(apiTimeout),
	}
	if b.js, err = jetstream.NewWithAPIPrefix(b.nc, strings.TrimSuffix(b.api, "."), js...); err != nil {
		b.nc.Close()
		return nil, err
	}
	return b, nil
}

func (cfg Config) url() string {
	if cfg.InProcess != nil || cfg.URL == "" {
		return nats.DefaultURL
	}
	return cfg.URL
}

func (cfg Config) options(b *Bus) ([]nats.Option, error) {
	opts := []nats.Option{
		nats.Name(cfg.Name), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond), nats.Timeout(5 * time.Second),
		nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2),
		// Otherwise the same authorization error twice, as while keys are changed, would end the connection for good.
		nats.IgnoreAuthErrorAbort(),
		nats.ErrorHandler(b.onError), nats.DisconnectErrHandler(b.onDisconnect), nats.ReconnectHandler(b.onReconnect),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { b.why.Store(&err) }),
	}
	if cfg.InProcess != nil {
		opts = append(opts, nats.InProcessServer(cfg.InProcess.srv))
	}
	if cfg.Wait {
		opts = append(opts, nats.RetryOnFailedConnect(true))
	}
	if cfg.Creds != "" {
		opts = append(opts, nats.UserCredentials(cfg.Creds))
	}
	if cfg.NKey != "" {
		opt, err := nats.NkeyOptionFromSeed(cfg.NKey)
		if err != nil {
			return nil, fmt.Errorf("nkey %s: %w", cfg.NKey, err)
		}
		opts = append(opts, opt)
	}
	if cfg.User != "" {
		opts = append(opts, nats.UserInfo(cfg.User, cfg.Password))
	}
	if cfg.Token != "" {
		opts = append(opts, nats.Token(cfg.Token))
	}
	if cfg.CA != "" {
		opts = append(opts, nats.RootCAs(cfg.CA))
	}
	if cfg.Cert != "" || cfg.Key != "" {
		opts = append(opts, nats.ClientCert(cfg.Cert, cfg.Key))
	}
	if cfg.InboxPrefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(cfg.InboxPrefix))
	}
	return opts, nil
}

// onError makes a denied request visible: to its caller it looks like a time-out.
func (b *Bus) onError(_ *nats.Conn, sub *nats.Subscription, err error) {
	attrs := []any{"error", err}
	if sub != nil {
		attrs = append(attrs, "subject", sub.Subject)
	}
	if errors.Is(err, nats.ErrPermissionViolation) {
		b.log.Error("the bus refused a subject: a permission is missing", attrs...)
		return
	}
	b.log.Warn("bus", attrs...)
}

func (b *Bus) onDisconnect(nc *nats.Conn, err error) {
	if !nc.IsClosed() {
		b.log.Warn("bus disconnected", "error", err)
	}
	b.mu.Lock()
	publishers := slices.Clone(b.publishers)
	b.mu.Unlock()
	for _, p := range publishers {
		p.lost(nats.ErrDisconnected)
	}
}

// tellOfLoss has a publisher told when the connection is lost.
func (b *Bus) tellOfLoss(p *Publisher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.publishers = append(b.publishers, p)
}

// epoch counts the connections. What two of them carried may have a hole between.
func (b *Bus) epoch() uint64 { return b.nc.Stats().Reconnects }

func (b *Bus) onReconnect(nc *nats.Conn) {
	b.log.Info("bus reconnected", "url", nc.ConnectedUrlRedacted())
}

// Close sends what is still buffered, acknowledgements among it, and closes the connection. Publishes under way end with
// ErrUnavailable.
func (b *Bus) Close() {
	_ = b.nc.FlushTimeout(closeFlush) // errs when the server is gone, and then there is nothing to flush to
	b.nc.Close()
}

// Ready reports whether the bus can be reached now: it asks for a round trip.
func (b *Bus) Ready(ctx context.Context) error {
	if !b.nc.IsConnected() {
		return fmt.Errorf("%w: not connected%s", ErrUnavailable, b.reason())
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	if err := b.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// reason tells why there is no connection, as far as it is known: what the server answered, or why none did.
func (b *Bus) reason() string {
	if err := b.nc.LastError(); err != nil {
		return ": " + err.Error()
	}
	if err := b.why.Load(); err != nil {
		return ": " + (*err).Error()
	}
	return ""
}

// MaxPayload returns the size in bytes of the largest message, headers included; 0 before the first connection.
func (b *Bus) MaxPayload() int64 { return b.nc.MaxPayload() }
