package main

import (
	"fmt"
	"net/http"
	"testing"

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
