package main

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/route"
	"github.com/hookproof/hookproof/pkg/signature"
)

const (
	forgedPerHonest = 50
	// floodMemory bounds what a process may grow by under a flood, in bytes: the room that its heap is given, and as much again
	// for buffers and for the store's cache.
	floodMemory = 192 << 20
	// slowest bounds an honest request beside a flood: Genesys Cloud gives up after 10 s.
	slowest = 8 * time.Second
	// keptWithin is how many times as long the median of honest requests may take beside a flood; a short one says nothing of it.
	keptWithin = 5
)

// floodRounds returns how long to flood and how often. HOOKPROOF_FLOOD, a duration, makes it long enough for its figures to
// mean something.
func floodRounds(t *testing.T) (d time.Duration, rounds int) {
	text := os.Getenv("HOOKPROOF_FLOOD")
	if text == "" {
		return 2 * time.Second, 1
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d, 3
}

// TestForgedFlood sends 50 forged requests, each from another address, for each honest one to hookproof all, with the budget that
// strangers have by default, and without one. What is honest is answered and verified as ever; what is forged fills
// nothing but REJECTED, which forgets its oldest.
func TestForgedFlood(t *testing.T) {
	d, rounds := floodRounds(t)
	for _, c := range []struct {
		name   string
		env    []string
		budget bool
	}{
		{"with the strangers' budget", nil, true},
		{"without it", []string{"HOOKPROOF_STRANGER_RATE=1e9", "HOOKPROOF_STRANGER_BURST=1000000000"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, bus.Topology{}, 0) // what is flooded has a server of its own
			in, b := r.spawnAll(c.env...)
			rejected := stateOf(t, b, bus.StreamRejected)
			honest := 0
			var calm, flooded flood
			before := in.values(t)
			for range rounds {
				calm.add(r.flood(in, d, 0))
				began, now := time.Now(), r.flood(in, d, forgedPerHonest)
				most := 100 + int(50*(time.Since(began)+time.Second).Seconds()) // the budget's defaults
				if c.budget && now.forged[http.StatusOK] > most {
					t.Errorf("%d forged requests were captured in %s, want %d at most", now.forged[http.StatusOK], time.Since(began), most)
				}
				flooded.add(now)
			}
			honest = len(calm.took) + len(flooded.took)
			r.eventually("every honest request verified, and no request waiting", func() bool {
				return stateOf(t, b, bus.StreamVerified).Messages >= uint64(honest) && stateOf(t, b, bus.StreamUnverified).Messages == 0
			})
			after := in.values(t)
			if got := stateOf(t, b, bus.StreamVerified); got.Messages != uint64(honest) || got.LastSequence != uint64(honest) {
				t.Errorf("VERIFIED holds %d of %d events, want exactly the %d honest ones", got.Messages, got.LastSequence, honest)
			}
			if got, err := b.StateOfBucket(t.Context(), bus.BucketReplayBody); err != nil || got.LastSequence != uint64(honest) {
				t.Errorf("the replay bucket took %d keys (%v), want the %d of the honest ones: forgeries must claim nothing", got.LastSequence, err, honest)
			}
			end := stateOf(t, b, bus.StreamRejected)
			if took := end.LastSequence - rejected.LastSequence; took != uint64(flooded.forged[http.StatusOK]) {
				t.Errorf("REJECTED took %d messages, want the %d forged ones that were captured", took, flooded.forged[http.StatusOK])
			}
			if int64(end.Bytes) > end.MaxBytes || (!c.budget && end.FirstSequence == 1) {
				t.Errorf("REJECTED holds %d of %d bytes and begins at %d, want it at its limit, with the oldest gone", end.Bytes, end.MaxBytes, end.FirstSequence)
			}
			const memory = "process_resident_memory_bytes"
			if grown := after[memory] - before[memory]; grown > floodMemory {
				t.Errorf("memory has grown by %.0f MiB, want %d at most", grown/(1<<20), floodMemory>>20)
			}
			if rounds > 1 && ratio(flooded.at(50), calm.at(50)) > keptWithin {
				t.Errorf("an honest request takes %.1f times as long as without a flood, want %d at most", ratio(flooded.at(50), calm.at(50)), keptWithin)
			}
			t.Logf("calm    %v\nflooded %v, forged %v\nratio   p50 %.1f, p99 %.1f; memory %.0f to %.0f MiB", &calm, &flooded, flooded.forged,
				ratio(flooded.at(50), calm.at(50)), ratio(flooded.at(99), calm.at(99)), before[memory]/(1<<20), after[memory]/(1<<20))
		})
	}
}

// TestStrangersStopFirst floods an ingress whose verifiers are away. At 80 % of UNVERIFIED strangers are refused, and the sender is
// not; once there is a verifier again everything of the sender's is verified, and strangers are taken again.
func TestStrangersStopFirst(t *testing.T) {
	r := newRig(t, bus.Topology{MaxStorage: 16 << 20}, 0) // 4 MiB for UNVERIFIED
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook), Allowlist: insiders})
	r.put(bus.BucketRoutes, "genesys", route.Route{Webhook: "genesys", Allowlist: insiders}.Encode)
	in := r.spawnIngress("genesys", "HOOKPROOF_TRUSTED_PROXIES=127.0.0.1", "HOOKPROOF_STRANGER_RATE=1e9", "HOOKPROOF_STRANGER_BURST=1000000000")
	stranger, insider := in.client(t), in.client(t)
	fill := func() float64 { return stateOf(t, r.bus, bus.StreamUnverified).Fill() }
	for before := fill(); before < 0.8; before = fill() {
		if status := stranger.forge(0, forgedBody); status != http.StatusOK {
			t.Fatalf("a stranger at %.2f of UNVERIFIED = %d, want 200 below 0.8", before, status)
		}
	}
	refused := func() bool { return stranger.forge(0, nil) == http.StatusServiceUnavailable } // too little to fill the rest
	r.eventually("strangers are refused", refused)
	var ids []string
	for i := range 20 {
		status, id := insider.honest(fmt.Appendf(nil, `{"honest":%d}`, i))
		if status != http.StatusOK {
			t.Errorf("an honest request while strangers are refused = %d, want 200", status)
		}
		ids = append(ids, id)
	}
	if !refused() {
		t.Error("a stranger is taken while there is no room for strangers")
	}
	r.spawn("", "verifier")
	r.drained()
	for _, id := range ids {
		if got := r.outcome(id).Subject; got != event.Subject(event.Verified, "genesys") {
			t.Errorf("an honest request came to %s", got)
		}
	}
	r.eventually("strangers are taken again", func() bool { return stranger.forge(0, nil) == http.StatusOK })
}

// spawnAll starts hookproof all with little room, whose webhook genesys takes requests of insiders through the proxy 127.0.0.1,
// and returns a connection to its bus.
func (r *rig) spawnAll(env ...string) (public, *bus.Bus) {
	r.t.Helper()
	nats := freeAddress(r.t)
	in := r.spawnPublic("genesys", append(env, "ALLOWED_IPS="+insiders[0].String(), "HOOKPROOF_TRUSTED_PROXIES=127.0.0.1", "HOOKPROOF_NATS_LISTEN="+nats,
		"HOOKPROOF_DATA_DIR="+r.t.TempDir(), fmt.Sprintf("HOOKPROOF_MAX_STORAGE=%d", 64<<20)), "all", "--nats-url=", "--audit=off")
	b, err := bus.Connect(bus.Config{URL: "nats://" + nats, Name: r.t.Name()}, bustest.Log(r.t))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(b.Close)
	return in, b
}

func stateOf(t *testing.T, b *bus.Bus, stream string) bus.State {
	t.Helper()
	s, err := b.State(t.Context(), stream, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
