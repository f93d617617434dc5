package ingress

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// certificateCheck is how often the files are looked at, at most.
const certificateCheck = time.Second

// certificate serves a key pair from files and loads it anew when either changes. Files that do not fit together, as in the
// middle of a renewal, leave the former pair in place. It is safe for concurrent use.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	checked time.Time
	digest  [sha256.Size]byte // of the files that pair was loaded from
}

// get is a tls.Config's GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair != nil && time.Since(c.checked) < certificateCheck {
		return c.pair, nil
	}
	c.checked = time.Now()
	if err := c.load(); err != nil {
		if c.pair == nil {
			return nil, fmt.Errorf("TLS certificate: %w", err)
		}
		c.log.Warn("TLS certificate not renewed, the former one stays", "error", err)
	}
	return c.pair, nil
}

// load takes over what the files hold, if that is new. It reads them whole: a copy may have the times and the size of the
// file that it replaces.
func (c *certificate) load() error {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(slices.Concat(cert, key))
	if c.pair != nil && digest == c.digest {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return err
	}
	if c.pair != nil {
		c.log.Info("TLS certificate renewed", "file", c.certFile)
	}
	c.pair, c.digest = &pair, digest
	return nil
}
