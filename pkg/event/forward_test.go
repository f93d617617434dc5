package event_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/event"
)

// TestForwarded holds that what JetStream acts on stays behind, but for the message id, and everything else goes along.
func TestForwarded(t *testing.T) {
	keep := nats.Header{"Nats-Msg-Id": {"id"}, "Hookproof-Id": {"id"}, "Http-Nats-Msg-Id": {"the sender's"}, "Http-X": {"a", "b"}, "traceparent": {"00-1-2-03"}}
	h := maps.Clone(keep)
	for _, name := range []string{"Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit", "Nats-Expected-Stream", "Nats-TTL", "Nats-Rollup", "Nats-Trace-Dest"} {
		h[name] = []string{"1"}
	}
	in := &nats.Msg{Subject: "unverified.genesys", Reply: "to somebody", Header: h, Data: []byte("body")}
	got := event.Forwarded(in)
	if got.Subject != in.Subject || got.Reply != "" || string(got.Data) != "body" || !maps.EqualFunc(got.Header, keep, slices.Equal) {
		t.Errorf("Forwarded = %+v, want the headers %v", got, keep)
	}
	if len(in.Header) != len(h) {
		t.Error("the message that came in was changed")
	}
}
