package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// accountsConf is the server's configuration for production.
const accountsConf = "../../../deploy/nats/nats-server.conf"

// accounts is a nats-server that was loaded from accountsConf, with the keys that hookproof nats-keys makes.
type accounts struct {
	t       testing.TB
	srv     *server.Server
	url     string
	dir     string // of the configuration and the keys
	ca      string
	admin   *bus.Bus
	js      jetstream.JetStream // the admin's
	core    *nats.Conn          // the admin's
	refused atomic.Int64        // subjects that the server refused to the commands
}

// startAccounts starts the server and makes the streams, and two durables on VERIFIED: "reader", and "other", which is
// exported to nobody. change may change what the configuration says.
func startAccounts(t testing.TB, change func(*server.Options)) *accounts {
	t.Helper()
	a := newAccounts(t)
	a.serve(change)
	a.setup()
	return a
}

// newAccounts lays the configuration and the keys down.
func newAccounts(t testing.TB) *accounts {
	t.Helper()
	a := &accounts{t: t, dir: t.TempDir()}
	a.configure()
	if err := (&natsKeysCmd{Dir: a.dir}).Run(&process{stdout: io.Discard}); err != nil {
		t.Fatal(err)
	}
	a.ca = selfSigned(t, a.dir)
	t.Setenv("NATS_STORE_DIR", t.TempDir())
	t.Setenv("NATS_TLS_CERT", a.ca)
	t.Setenv("NATS_TLS_KEY", filepath.Join(a.dir, "key.pem"))
	return a
}

func (a *accounts) conf() string { return filepath.Join(a.dir, "nats-server.conf") }

// configure lays the configuration down, with the comment signs before these settings taken away.
func (a *accounts) configure(settings ...string) {
	a.t.Helper()
	conf, err := os.ReadFile(accountsConf)
	if err != nil {
		a.t.Fatal(err)
	}
	text := string(conf)
	for _, setting := range settings {
		before := text
		if text = strings.Replace(before, "# "+setting+":", setting+":", 1); text == before {
			a.t.Fatalf("the configuration has no comment about %s", setting)
		}
	}
	if err := os.WriteFile(a.conf(), []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// serve starts the server, which ends with the test, or when stop is called.
func (a *accounts) serve(change func(*server.Options)) (stop func()) {
	a.t.Helper()
	opts, err := server.ProcessConfigFile(a.conf())
	if err != nil {
		a.t.Fatal(err)
	}
	if !opts.SyncAlways || opts.TLSConfig == nil {
		a.t.Errorf("sync always = %v, TLS %v, want both", opts.SyncAlways, opts.TLSConfig != nil)
	}
	opts.Host, opts.Port, opts.NoSigs = "127.0.0.1", server.RANDOM_PORT, true
	if change != nil {
		change(opts)
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		a.t.Fatal(err)
	}
	a.srv = srv
	srv.Start()
	stop = func() { srv.Shutdown(); srv.WaitForShutdown() }
	a.t.Cleanup(stop)
	if !srv.ReadyForConnections(60 * time.Second) {
		a.t.Fatal("the server is not ready")
	}
	a.url = srv.ClientURL()
	return stop
}

func (a *accounts) setup() {
	a.t.Helper()
	var err error
	if a.admin, err = bus.Connect(a.flags("admin", "").config("admin"), bustest.Log(a.t)); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(a.admin.Close)
	if err := a.admin.Setup(a.t.Context(), bus.Topology{}, nil); err != nil {
		a.t.Fatal(err)
	}
	a.core = a.connect("admin")
	if a.js, err = jetstream.New(a.core); err != nil {
		a.t.Fatal(err)
	}
	for _, durable := range []string{"reader", "other"} {
		if _, err := a.js.CreateConsumer(a.t.Context(), bus.StreamVerified, jetstream.ConsumerConfig{Durable: durable,
			FilterSubject: "verified.*", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour}); err != nil {
			a.t.Fatal(err)
		}
	}
}

// flags are a command's settings for a user, as the README of deploy/nats gives them.
func (a *accounts) flags(user, apiPrefix string) natsFlags {
	return natsFlags{NATSURL: a.url, NATSNKey: filepath.Join(a.dir, user+".nk"), NATSCA: a.ca,
		NATSInboxPrefix: "_INBOX_" + user, NATSAPIPrefix: apiPrefix}
}

// connect returns a bare connection of a user, with which it can try whatever it likes.
func (a *accounts) connect(user string) *nats.Conn {
	a.t.Helper()
	key, err := nats.NkeyOptionFromSeed(filepath.Join(a.dir, user+".nk"))
	if err != nil {
		a.t.Fatal(err)
	}
	nc, err := nats.Connect(a.url, key, nats.RootCAs(a.ca), nats.CustomInboxPrefix("_INBOX_"+user),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(nc.Close)
	return nc
}

// process returns what a command runs in; it counts the subjects that the server refuses.
func (a *accounts) process() *process {
	return &process{stdout: io.Discard, stderr: io.Discard, lookupEnv: onlySecret,
		log: slog.New(refusals{bustest.Log(a.t).Handler(), &a.refused})}
}

// onlySecret is an environment that holds WEBHOOK_SECRET alone.
func onlySecret(name string) (string, bool) {
	if name != "WEBHOOK_SECRET" {
		return "", false
	}
	return testSecret, true
}

// refusals counts the lines that the bus logs about a missing permission.
type refusals struct {
	slog.Handler
	n *atomic.Int64
}

func (h refusals) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "the bus refused a subject: a permission is missing" {
		h.n.Add(1)
	}
	return h.Handler.Handle(ctx, r)
}

func (h refusals) WithAttrs(attrs []slog.Attr) slog.Handler {
	return refusals{h.Handler.WithAttrs(attrs), h.n}
}

// selfSigned makes a certificate for 127.0.0.1, and key.pem beside it.
func selfSigned(t testing.TB, dir string) (cert string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames: []string{"localhost"}} // Node checks this name where the address is a number
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "cert.pem")
}
