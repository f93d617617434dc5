package ingress

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
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
	stamp   string
}

// get is a tls.Config's GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair != nil && time.Since(c.checked) < certificateCheck {
		return c.pair, nil
	}
	c.checked = time.Now()
	stamp := stampOf(c.certFile) + stampOf(c.keyFile)
	if c.pair != nil && stamp == c.stamp {
		return c.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		if c.pair == nil {
			return nil, fmt.Errorf("TLS certificate: %w", err)
		}
		c.log.Warn("TLS certificate not renewed, the former one stays", "error", err)
		return c.pair, nil
	}
	if c.pair != nil {
		c.log.Info("TLS certificate renewed", "file", c.certFile)
	}
	c.pair, c.stamp = &pair, stamp
	return c.pair, nil
}

// stampOf identifies a file's content well enough to notice a renewal.
func stampOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "absent"
	}
	return fmt.Sprintf("%s/%d ", info.ModTime().Format(time.RFC3339Nano), info.Size())
}
