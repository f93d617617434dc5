package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/console"
	"github.com/hookproof/hookproof/pkg/secret"
)

// natsFlags say how to reach NATS. Their variables are those of the nats CLI.
type natsFlags struct {
	NATSURL         string `name:"nats-url" help:"NATS servers, comma-separated." env:"NATS_URL" group:"NATS"`
	NATSCreds       string `name:"nats-creds" help:"Credentials file." env:"NATS_CREDS" type:"path" group:"NATS"`
	NATSNKey        string `name:"nats-nkey" help:"NKey seed file." env:"NATS_NKEY" type:"path" group:"NATS"`
	NATSUser        string `name:"nats-user" help:"User name." env:"NATS_USER" group:"NATS"`
	NATSPassword    string `name:"nats-password" help:"Password; better set by the variable." env:"NATS_PASSWORD" group:"NATS"`
	NATSCA          string `name:"nats-ca" help:"CA certificates, a PEM file." env:"NATS_CA" type:"path" group:"NATS"`
	NATSCert        string `name:"nats-cert" help:"Client certificate, a PEM file." env:"NATS_CERT" type:"path" group:"NATS"`
	NATSKey         string `name:"nats-key" help:"Key of the client certificate." env:"NATS_KEY" type:"path" group:"NATS"`
	NATSInboxPrefix string `name:"nats-inbox-prefix" help:"Prefix of reply subjects." env:"NATS_INBOX_PREFIX" group:"NATS"`
	NATSAPIPrefix   string `name:"nats-api-prefix" help:"Prefix of the JetStream API." env:"NATS_JS_API_PREFIX" group:"NATS"`
}

func (f natsFlags) config(name string) bus.Config {
	return bus.Config{URL: f.NATSURL, Name: "hookproof-" + name, Creds: f.NATSCreds, NKey: f.NATSNKey, User: f.NATSUser, Password: f.NATSPassword,
		CA: f.NATSCA, Cert: f.NATSCert, Key: f.NATSKey, InboxPrefix: f.NATSInboxPrefix, APIPrefix: f.NATSAPIPrefix}
}

// commitFlags say how messages that go at once are stored.
type commitFlags struct {
	Commit string `help:"How messages that go at once are stored: fast; atomic, for a NATS server that syncs before it acknowledges; single; or auto, which is atomic for an embedded server that syncs so and for streams of another account (NATS_JS_API_PREFIX), and fast elsewhere." env:"HOOKPROOF_COMMIT" enum:"auto,fast,atomic,single" default:"auto" group:"NATS"`
}

// to completes how to reach a server, of which may be known that it syncs before it acknowledges.
func (f commitFlags) to(cfg bus.Config, syncs bool) bus.Config {
	switch {
	case f.Commit != "auto":
		cfg.Commit = bus.Commit(f.Commit)
	case syncs:
		cfg.Commit = bus.CommitAtomic
	}
	return cfg
}

// topologyFlags size the streams.
type topologyFlags struct {
	Horizon      time.Duration `help:"Longest outage over which each event is verified exactly once." env:"HOOKPROOF_HORIZON" default:"1h"`
	ReplayMemory time.Duration `help:"How long a copy is known where its key covers no signed time." env:"HOOKPROOF_REPLAY_MEMORY" default:"24h"`
}

func (f topologyFlags) topology() bus.Topology {
	return bus.Topology{Horizon: f.Horizon, ReplayMemory: f.ReplayMemory}
}

// sizeFlags size what setup makes.
type sizeFlags struct {
	MaxStorage int64 `help:"Bytes that all streams together may hold." env:"HOOKPROOF_MAX_STORAGE" default:"8589934592"`
	Replicas   int   `help:"Copies of each stream in a cluster." env:"HOOKPROOF_REPLICAS" default:"1"`
}

func (f sizeFlags) apply(t bus.Topology) bus.Topology {
	t.MaxStorage, t.Replicas = f.MaxStorage, f.Replicas
	return t
}

// secretFlags say where references to secrets may lead.
type secretFlags struct {
	SecretDir string `help:"The only directory that file: references may read." env:"HOOKPROOF_SECRET_DIR" type:"path"`
	XKeyFile  string `name:"xkey-file" help:"The pool's key, which opens sealed: references." env:"HOOKPROOF_XKEY_FILE" type:"path"`
}

func (f secretFlags) resolver(p *process) (secret.Resolver, error) {
	r := secret.Resolver{Getenv: p.lookupEnv, Dir: f.SecretDir}
	if f.XKeyFile == "" {
		return r, nil
	}
	var err error
	r.Key, err = secret.LoadKey(f.XKeyFile)
	if err != nil {
		return r, fmt.Errorf("xkey-file: %w", err)
	}
	return r, nil
}

// adminFlags say where the admin listener is, and who may see more there than health and metrics.
type adminFlags struct {
	AdminListen    string           `help:"Address of the admin listener: health, audit, console and profiles. Keep it inside." env:"HOOKPROOF_ADMIN_LISTEN" default:"127.0.0.1:9090"`
	AdminHosts     []string         `help:"Host names that the admin listener answers to, beside addresses and localhost." env:"HOOKPROOF_ADMIN_HOSTS"`
	AdminTokenFile string           `help:"File with the token that audit, console and profiles ask for. Without it they answer on loopback only." env:"HOOKPROOF_ADMIN_TOKEN_FILE" type:"path"`
	TraceURL       console.TraceURL `name:"trace-url" help:"Address of a trace, with {trace} in place of its id: what the console links to." env:"HOOKPROOF_TRACE_URL"`
}

// newAdmin returns the admin listener that the flags describe.
func (f adminFlags) newAdmin(log *slog.Logger) (*admin.Server, error) {
	s := admin.New(f.AdminHosts, log)
	if f.AdminTokenFile == "" {
		return s, nil
	}
	token, err := admin.ReadToken(f.AdminTokenFile)
	if err != nil {
		return nil, usageError{fmt.Errorf("admin-token-file: %w", err)}
	}
	s.SetToken(token)
	return s, nil
}

// httpFlags shape the public listener.
type httpFlags struct {
	Listen         string   `help:"Address of the public listener." env:"HOOKPROOF_LISTEN" default:":8080"`
	TrustedProxies []string `help:"Proxies whose X-Forwarded-For is believed, as CIDRs." env:"HOOKPROOF_TRUSTED_PROXIES"`
	TLSCert        string   `name:"tls-cert" help:"Certificate, a PEM file; reloaded when it changes. Without it the listener speaks plain HTTP." env:"HOOKPROOF_TLS_CERT" type:"path"`
	TLSKey         string   `name:"tls-key" help:"Key of the certificate." env:"HOOKPROOF_TLS_KEY" type:"path"`
	StrangerRate   float64  `help:"Requests a second of all addresses outside the allowlists together." env:"HOOKPROOF_STRANGER_RATE" default:"50"`
	StrangerBurst  int      `help:"How many of those may come at once." env:"HOOKPROOF_STRANGER_BURST" default:"100"`
}

// Validate reports every bad setting at once.
func (f httpFlags) Validate() error {
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return fmt.Errorf("tls-cert and tls-key go together")
	}
	_, err := f.proxies()
	return err
}

func (f httpFlags) proxies() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range f.TrustedProxies {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("trusted-proxies: %q is neither an address nor a CIDR", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Addr().Is4In6() {
			return nil, fmt.Errorf("trusted-proxies: %q is an IPv4-mapped address; write it as IPv4", text)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// connect connects to the NATS server that the flags name, and checks that the streams named keep what they accept.
func connect(ctx context.Context, cfg bus.Config, t bus.Topology, streams []string, p *process) (*bus.Bus, error) {
	b, err := bus.Connect(cfg, p.log)
	if err != nil {
		return nil, err
	}
	if err := b.Check(ctx, t, streams...); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// instance names this process among its peers.
func instance(role string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s@%s/%d", role, host, os.Getpid())
}

// dataDir returns a directory for the embedded server, below the user's own where none is given.
func dataDir(dir string, p *process) (string, error) {
	if dir != "" {
		return dir, nil
	}
	if base, ok := p.lookupEnv("XDG_DATA_HOME"); ok && base != "" {
		return filepath.Join(base, "hookproof"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("data-dir: %w", err)
	}
	return filepath.Join(home, ".local", "share", "hookproof"), nil
}
