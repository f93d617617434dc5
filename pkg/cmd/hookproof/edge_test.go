package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/ingress"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
)

// TestEdgeOutlivesTheHub cuts an edge off its hub, kills it, starts it again while the hub is still away, and lets the hub
// return. Whatever was accepted is verified once, as it came and with its own time of receipt.
func TestEdgeOutlivesTheHub(t *testing.T) {
	t.Parallel() // it waits more than it works
	e := newEdge(newRig(t, bus.Topology{}, 1))
	e.send(5)
	e.forwarded()
	e.eventually("the metrics tell of both sides", func() bool {
		found := scrape(t, e.admin)
		var streams []string
		for _, labels := range found["hookproof_stream_messages"] {
			streams = append(streams, labels["stream"])
		}
		slices.Sort(streams)
		return slices.Equal(streams, []string{bus.StreamBuffer, bus.StreamRefused, bus.StreamUnverified}) && found["hookproof_clock_offset_seconds"] != nil
	})
	e.wire.cut()
	e.send(20)
	e.eventually("/readyz tells of the outage and of the backlog", func() bool {
		text := e.readyz()
		return strings.Contains(text, `"hub": "away`) && strings.Contains(text, `"buffer": "20 requests wait`)
	})
	e.eventually("and so do the metrics", func() bool {
		_, text := get(t, e.admin+"/metrics")
		return strings.Contains(text, "hookproof_hub_reachable 0\n") && strings.Contains(text, `hookproof_stream_messages{stream="BUFFER"} 20`)
	})
	if status, _ := e.post("unknown", nil, nil); status != 503 {
		t.Errorf("a webhook that only the hub may know = %d, want 503: 404 is not tried again", status)
	}
	e.kill()
	e.start("")
	e.send(20)
	before := time.Now()
	e.wire.mend()
	e.assertVerified()
	e.forwarded()
	t.Logf("verified %s after the hub returned", time.Since(before))
	e.stop(t)
}

// TestForwarderKilled kills an edge when the hub has acknowledged a request and the buffer does not know it yet.
func TestForwarderKilled(t *testing.T) {
	t.Parallel() // it waits more than it works
	e := newEdge(newRig(t, bus.Topology{}, 1))
	for range 2 {
		e.wire.cut()
		e.send(30)
		e.kill()
		e.wire.mend()
		e.child = e.spawn(ingress.StepForwarded+":7:kill", e.args...)
		e.killed(t)
		e.start("")
	}
	e.assertVerified()
	e.forwarded()
}

// TestLinkFlaps cuts the link again and again while events come in.
func TestLinkFlaps(t *testing.T) {
	t.Parallel() // it waits more than it works
	e := newEdge(newRig(t, bus.Topology{}, 1))
	for i := range 12 {
		e.send(25)
		e.wire.cut()
		e.send(5)
		e.wire.mend()
		if i%2 == 0 { // with and without time to connect again
			e.eventually("the hub is back", func() bool { return strings.Contains(e.readyz(), `"hub": "takes`) })
		}
	}
	e.assertVerified()
	e.forwarded()
}

// TestEdgeWaitsForRoom fills the hub, which nobody empties: the backlog stays at the edge until somebody does.
func TestEdgeWaitsForRoom(t *testing.T) {
	t.Parallel()                                  // it waits more than it works
	topology := bus.Topology{MaxStorage: 8 << 20} // 2 MiB for UNVERIFIED
	e := newEdge(newRig(t, topology, 0))
	for range 240 {
		if status := e.sendOne(10 << 10); status != 200 {
			t.Fatalf("status %d", status)
		}
	}
	e.eventually("the hub is full, and the edge says so", func() bool {
		return strings.Contains(e.readyz(), "UNVERIFIED of the hub: stream full") || strings.Contains(e.readyz(), "maximum bytes exceeded")
	})
	e.addVerifier(topology, nil)
	e.assertVerified()
	e.forwarded()
}

// TestEdgeStops ends an edge as an operator does: it forwards what it can, and what it cannot is there at the next start.
func TestEdgeStops(t *testing.T) {
	t.Parallel() // it waits more than it works
	e := newEdge(newRig(t, bus.Topology{}, 1))
	e.wire.cut()
	e.send(300)
	e.wire.mend()
	e.eventually("the hub is back", func() bool { return strings.Contains(e.readyz(), `"hub": "takes`) })
	e.stop(t)
	if !strings.Contains(e.logs.String(), "the buffer is empty") {
		t.Error("an edge with its hub stopped before its buffer was empty")
	}
	e.wire.cut()
	e.start("")
	e.send(3)
	e.stop(t)
	if !strings.Contains(e.logs.String(), `"msg":"requests stay in the buffer until the next start","requests":3`) {
		t.Error("an edge without its hub did not say what it keeps")
	}
	e.wire.mend()
	e.start("")
	e.assertVerified()
}

// TestBufferFull fills a buffer: its sender is told to come again, and what was accepted before arrives.
func TestBufferFull(t *testing.T) {
	t.Parallel() // it waits more than it works
	e := newEdge(newRig(t, bus.Topology{}, 1), "--buffer-max-bytes", "16777216")
	e.wire.cut()
	refused := 0
	for len(e.sent) < 200 && refused == 0 {
		switch status := e.sendOne(100 << 10); status {
		case 200:
		case 503:
			refused++
		default:
			t.Fatalf("status %d", status)
		}
	}
	if len(e.sent) < 140 || refused == 0 {
		t.Errorf("%d requests of 100 KiB accepted in 16 MiB, %d refused", len(e.sent), refused)
	}
	e.eventually("not ready any more", func() bool { return e.readyz() == "" })
	e.wire.mend()
	e.assertVerified()
	e.eventually("ready again", func() bool { return e.readyz() != "" })
	e.send(1)
	e.assertVerified()
}

// TestEdgeBeyondTheHorizon has an outage that is longer than the horizon, which is 2 s here and an hour by default. What
// was accepted is verified and says that it may come twice; the copy of an event, which cannot be told from that very event
// any more, is parked.
func TestEdgeBeyondTheHorizon(t *testing.T) {
	t.Parallel() // it waits more than it works
	topology := bus.Topology{Horizon: 2 * time.Second}
	e := newEdge(newRig(t, topology, 1), "--horizon", "2s")
	e.forwarded()
	e.wire.cut()
	body := []byte(`{"sent":"twice"}`)
	h := signed(body)
	first, second := e.accept("genesys", h, body), e.accept("genesys", h, body)
	since := time.Now()
	e.eventually("the horizon is passed", func() bool { return time.Since(since) > topology.Horizon })
	e.wire.mend()
	verified := 0
	for _, id := range []string{first, second} {
		switch o := e.outcome(id); {
		case o.Subject == "verified.genesys" && o.Header.Get(event.HeaderPossibleDuplicate) == "true":
			verified++
		case o.Subject != "parked.genesys":
			t.Errorf("%s: %s %v", id, o.Subject, o.Header)
		}
	}
	if verified != 1 {
		t.Errorf("%d of two copies verified, want 1", verified)
	}
}
