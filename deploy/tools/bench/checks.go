package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// middleware is what people put before a webhook today: allowlist, time, signature and replay, with a map in memory.
type middleware struct {
	allowed netip.Prefix
	mu      sync.Mutex
	seen    map[[sha256.Size]byte]time.Time
}

func newMiddleware() *middleware {
	return &middleware{allowed: netip.MustParsePrefix("127.0.0.0/8"), seen: map[[sha256.Size]byte]time.Time{}}
}

var errRefused = errors.New("refused")

func (m *middleware) check(r *http.Request, body []byte) error {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !m.allowed.Contains(peer.Addr()) {
		return errRefused
	}
	at, err := strconv.ParseInt(r.Header.Get("X-Genesys-Timestamp"), 10, 64)
	now := time.Now()
	if err != nil || now.Sub(time.UnixMilli(at)).Abs() > 5*time.Minute {
		return errRefused
	}
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write(body)
	presented, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Genesys-Signature"))
	if err != nil || !hmac.Equal(mac.Sum(nil), presented) {
		return errRefused
	}
	key := sha256.Sum256(body)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, again := m.seen[key]; again {
		return errRefused
	}
	m.seen[key] = now
	return nil
}
