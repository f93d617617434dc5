package ingress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// TestHTTPS renews the certificate of a running server.
func TestHTTPS(t *testing.T) {
	files := newPairFiles(t)
	b, _ := bustest.New(t, bus.Topology{})
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	in := New(Config{TLSCert: files.cert, TLSKey: files.key}, b, noop.Tracer{}, bustest.Log(t))
	if err := in.Run(t.Context(), listen()); err == nil {
		t.Fatal("Run without the certificate's files = nil, want an error")
	}
	cert, key := issue(t, 1)
	write(t, files.cert, cert)
	write(t, files.key, key)
	ctx, cancel := context.WithCancel(context.Background())
	l, done := listen(), make(chan error, 1)
	go func() { done <- in.Run(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	}()
	if got := dialTLS(t, l.Addr().String(), cert); got != 1 {
		t.Errorf("at first the server shows certificate %d, want 1", got)
	}
	if c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		_ = c.Close()
		t.Error("TLS 1.1 is accepted, want it refused")
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if p := c.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
		t.Errorf("the server speaks %q with who offers HTTP/2, want http/1.1", p)
	}
	renewed, renewedKey := issue(t, 2)
	write(t, files.cert, renewed)
	write(t, files.key, renewedKey)
	both := append(append([]byte(nil), cert...), renewed...)
	for end := time.Now().Add(30 * time.Second); dialTLS(t, l.Addr().String(), both) != 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server shows the former certificate after 30 s")
		}
	}
}

// dialTLS returns the serial number of the certificate that a server shows; roots are the certificates that it may.
func dialTLS(t *testing.T, addr string, roots []byte) int64 {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(roots)
	c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}
