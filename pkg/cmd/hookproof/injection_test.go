package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
)

// TestHeaderInjection sends every header that the server acts on, and hookproof's own. None may change what happens.
func TestHeaderInjection(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook)})
	for i, header := range []struct{ name, value string }{
		{"Nats-Msg-Id", "the same for two"}, {"Nats-Msg-Id", "the same for two"},
		{"Nats-Expected-Stream", "OTHER"}, {"Nats-Expected-Last-Sequence", "99999"}, {"Nats-Expected-Last-Msg-Id", "x"},
		{"Nats-Expected-Last-Subject-Sequence", "99999"}, {"Nats-Expected-Last-Subject-Sequence-Subject", "verified.genesys"},
		{"Nats-Rollup", "all"}, {"Nats-Rollup", "sub"}, {"Nats-TTL", "1s"}, {"Nats-Schedule", "@every 1s"},
		{"Nats-Schedule-Target", "verified.genesys"}, {"Nats-Batch-Id", "b"}, {"Nats-Batch-Sequence", "1"}, {"Nats-Batch-Commit", "1"},
		{"Nats-Incr", "1"}, {"Nats-Trace-Dest", "verified.genesys"}, {"Nats-Trace-Only", "true"}, {"Nats-Trace-Origin", "x"},
		{"Nats-Marker-Reason", "MaxAge"}, {"Kv-Operation", "DEL"}, {"Status", "503"}, {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{"Hookproof-Id", "forged"}, {"Hookproof-Client-Ip", "203.0.113.1"}, {"Hookproof-Received-At", "2000-01-01T00:00:00Z"},
		{"Hookproof-Attempt", "7"}, {"Hookproof-Version", "99"}, {"Ce-Id", "forged"},
	} {
		body := fmt.Appendf(nil, `{"injected":%d}`, i)
		h := signed(body)
		h.Set(header.name, header.value)
		id := r.accept("genesys", h, body)
		got := expect(t, r, id, "genesys", body, "", "")
		if v := got.Header["Http-"+http.CanonicalHeaderKey(header.name)]; len(v) != 1 || v[0] != header.value {
			t.Errorf("%s: %s was captured as %q", header.name, header.value, v)
		}
		if got.Header.Get(event.HeaderID) != id || got.Header.Get(event.HeaderClientIP) != "127.0.0.1" {
			t.Errorf("%s: id %s, client %s", header.name, got.Header.Get(event.HeaderID), got.Header.Get(event.HeaderClientIP))
		}
	}
}

// TestSubjectInjection asks for paths that would be other subjects. Each is 404 and nothing reaches the bus.
func TestSubjectInjection(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook)})
	address := strings.TrimSuffix(strings.TrimPrefix(r.url, "http://"), "/webhooks/")
	for _, path := range []string{
		"/", "/webhooks", "/webhooks/", "/webhooks/.", "/webhooks/..", "/webhooks/a.b", "/webhooks/genesys.", "/webhooks/.genesys", "/webhooks/a..b",
		"/webhooks/*", "/webhooks/>", "/webhooks/genesys/x", "/webhooks//genesys", "//webhooks/genesys", "/webhooks/genesys%20", "/webhooks/%20", "/webhooks/a%20b",
		"/webhooks/genesys%00", "/webhooks/%0d%0aPUB%20verified.genesys%200", "/webhooks/genesys%0d%0a", "/webhooks/genesys%2Fx", "/webhooks/genesys%2e",
		"/webhooks/%67enesys%09", "/webhooks/../webhooks/genesys", "/Webhooks/genesys", "/webhooks/" + strings.Repeat("a", 65), "/webhooks/" + strings.Repeat("a", 5000),
		"/webhooks/gen%C3%A9sys", "/webhooks/$JS.API.STREAM.PURGE.UNVERIFIED", "/webhooks/unknown", "/audit", "/readyz",
	} {
		if got := rawPost(t, address, path); got != http.StatusNotFound {
			t.Errorf("POST %.80s = %d, want 404", path, got)
		}
	}
	// An encoded form of the right name is the right name.
	body := []byte(`{"after":"the attacks"}`)
	expect(t, r, r.accept("%67enesys", signed(body), body), "genesys", body, "", "")
	state, err := r.bus.State(context.Background(), bus.StreamUnverified, "")
	if err != nil || state.LastSequence != 1 {
		t.Errorf("UNVERIFIED took %d messages (%v), want 1", state.LastSequence, err)
	}
	if err := r.bus.Ready(context.Background()); err != nil {
		t.Errorf("the bus did not survive: %v", err)
	}
}

// rawPost sends a path as it is, which http.Client would clean.
func rawPost(t *testing.T, address, path string) int {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", path)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("POST %.80s: %v", path, err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}
