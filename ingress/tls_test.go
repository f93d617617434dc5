package ingress

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// pairFiles are the files of a certificate for 127.0.0.1.
type pairFiles struct{ cert, key string }

func newPairFiles(t testing.TB) pairFiles {
	dir := t.TempDir()
	return pairFiles{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
}

// issue makes a pair with a serial number, as PEM.
func issue(t testing.TB, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "hookproof test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	err := os.WriteFile(path, b, 0o600)
	if err == nil {
		err = os.Chtimes(path, time.Time{}, time.Unix(1, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func serialOf(t testing.TB, c *tls.Certificate) int64 {
	t.Helper()
	parsed, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return parsed.SerialNumber.Int64()
}

// TestCertificateRenewal goes through a renewal one file at a time. Every file has the same time, as on a coarse clock.
func TestCertificateRenewal(t *testing.T) {
	files := newPairFiles(t)
	c := &certificate{certFile: files.cert, keyFile: files.key, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if got, err := c.get(nil); err == nil {
		t.Fatalf("get without files = %v, want an error", got)
	}
	cert1, key1 := issue(t, 1)
	cert2, key2 := issue(t, 2)
	expect := func(when string, later bool, want int64) {
		t.Helper()
		if later {
			c.checked = c.checked.Add(-certificateCheck) // as if that time had passed
		}
		got, err := c.get(nil)
		if err != nil {
			t.Fatalf("%s: get = %v", when, err)
		}
		if serial := serialOf(t, got); serial != want {
			t.Errorf("%s: get = certificate %d, want %d", when, serial, want)
		}
	}
	write(t, files.cert, cert1)
	write(t, files.key, key1)
	expect("at first", true, 1)
	write(t, files.cert, cert2)
	expect("new certificate, old key", true, 1)
	write(t, files.key, key2)
	expect("new key, not yet looked at", false, 1)
	expect("new key", true, 2)
	write(t, files.cert, []byte("garbage"))
	expect("damaged", true, 2)
	if err := os.Remove(files.key); err != nil {
		t.Fatal(err)
	}
	expect("removed", true, 2)
	write(t, files.cert, cert1)
	write(t, files.key, key1)
	expect("written again", true, 1)
}
