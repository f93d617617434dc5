package health

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/telemetry"
)

func TestClockOffset(t *testing.T) {
	asked := time.Unix(1_800_000_000, 0)
	answered := asked.Add(200 * time.Millisecond)
	for name, c := range map[string]struct {
		server time.Time
		want   time.Duration
		fault  string
	}{
		"together":           {asked.Add(100 * time.Millisecond), 0, ""},
		"within the way":     {asked, 0, ""},
		"a little ahead":     {asked.Add(-3 * time.Second), 3 * time.Second, ""},
		"ahead":              {asked.Add(-6 * time.Second), 6 * time.Second, "6s ahead of"},
		"behind":             {answered.Add(90 * time.Second), -90 * time.Second, "1m30s behind"},
		"no time was told":   {time.Time{}, 0, ""},
		"absurdly far apart": {asked.AddDate(400, 0, 0), -1 << 63, "behind"},
	} {
		t.Run(name, func(t *testing.T) {
			got := offset(asked, answered, c.server)
			if got != c.want {
				t.Errorf("offset = %s, want %s", got, c.want)
			}
			err := clockFault(got)
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("fault = %v, want %q", err, c.fault)
			}
		})
	}
}

// TestChecks holds each check against a server that is all right, and one that is not set up.
func TestChecks(t *testing.T) {
	set, _ := bustest.New(t, bus.Topology{})
	empty := bustest.Connect(t, bustest.Start(t))
	closed := make(chan struct{})
	close(closed)
	for name, c := range map[string]struct {
		check func(*bus.Bus) admin.Check
		fault string // on the empty server
	}{
		"bus":      {Bus, ""},
		"streams":  {func(b *bus.Bus) admin.Check { return Streams(b, bus.Topology{}) }, "stream UNVERIFIED: not found: run hookproof setup"},
		"consumer": {func(b *bus.Bus) admin.Check { return Consumer(b, bus.StreamUnverified, bus.ConsumerVerifier) }, "cannot be bound (hookproof setup makes it)"},
		"storage":  {func(b *bus.Bus) admin.Check { return Storage(b, bus.StreamVerified, NearFull) }, "stream not found"},
		"bucket":   {func(b *bus.Bus) admin.Check { return BucketStorage(b, bus.BucketReplayBody, NearFull) }, "stream not found"},
		"clock":    {func(b *bus.Bus) admin.Check { return Clock(b, bus.StreamUnverified) }, "stream not found"},
		"loaded":   {func(b *bus.Bus) admin.Check { return Loaded("x", map[bool]chan struct{}{true: closed}[b == set]) }, "not loaded yet"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := c.check(set).Run(ctx); err != nil {
				t.Errorf("set up: %v", err)
			}
			err := c.check(empty).Run(ctx)
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("empty: %v, want %q", err, c.fault)
			}
		})
	}
}

// TestNearFull fills a stream up to its limit.
func TestNearFull(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{MaxStorage: 100 << 20})
	ctx := context.Background()
	check := Storage(b, bus.StreamParked, NearFull)
	for check.Run(ctx) == nil {
		if _, err := b.Publish(ctx, &nats.Msg{Subject: "parked.w", Data: make([]byte, 100<<10)}); err != nil {
			t.Fatalf("full before it was near full: %v", err)
		}
	}
	if err := check.Run(ctx); err == nil || !strings.Contains(err.Error(), "PARKED is 9") {
		t.Errorf("error = %v, want the stream and its fill", err)
	}
}

// TestWatcher reads the gauges of a stream with a backlog.
func TestWatcher(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	tel, err := telemetry.Setup(context.Background(), telemetry.Config{Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	for range 3 {
		if _, err := b.Publish(context.Background(), &nats.Msg{Subject: "unverified.w", Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	w := NewWatcher(Config{Streams: []string{bus.StreamUnverified, bus.StreamUnverified, "NONE"}, Buckets: []string{bus.BucketPolicies},
		Consumers: []Durable{{bus.StreamUnverified, bus.ConsumerVerifier}, {bus.StreamUnverified, "none"}}}, b, tel.Meter(), bustest.Log(t))
	if text := metrics(tel); strings.Contains(text, "hookproof_stream") {
		t.Error("a gauge before the first look")
	}
	w.look(context.Background())
	text := metrics(tel)
	for _, want := range []string{
		`hookproof_stream_messages{stream="UNVERIFIED"} 3`, `hookproof_stream_messages{stream="KV_policies"} 0`,
		`hookproof_consumer_pending{consumer="verifier",stream="UNVERIFIED"} 3`, "hookproof_clock_offset_seconds 0",
	} {
		if strings.Count(text, want+"\n") != 1 {
			t.Errorf("not one %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "NONE") || strings.Contains(text, `consumer="none"`) {
		t.Error("a gauge of what is not there")
	}
	b.Close()
	w.look(context.Background())
	if strings.Contains(metrics(tel), "hookproof_stream_messages{") {
		t.Error("a gauge that is stale: the bus cannot be asked any more")
	}
}

func metrics(tel *telemetry.Telemetry) string {
	w := httptest.NewRecorder()
	tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return fmt.Sprint(w.Body)
}

// TestWatchersOfTwoServers has one process watch its own server and another's: the gauges show both, and only the other's
// clock counts.
func TestWatchersOfTwoServers(t *testing.T) {
	far, _ := bustest.New(t, bus.Topology{})
	near, _ := bustest.New(t, bus.Topology{})
	tel, err := telemetry.Setup(context.Background(), telemetry.Config{Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	hub := NewWatcher(Config{Streams: []string{bus.StreamUnverified}}, far, nil, bustest.Log(t))
	own := NewWatcher(Config{Streams: []string{bus.StreamParked}, Local: true, Also: hub}, near, tel.Meter(), bustest.Log(t))
	own.look(t.Context())
	if text := metrics(tel); strings.Contains(text, "hookproof_clock_offset_seconds 0") || !strings.Contains(text, `hookproof_stream_messages{stream="PARKED"} 0`) {
		t.Errorf("with its own server alone:\n%s", text)
	}
	hub.look(t.Context())
	text := metrics(tel)
	for _, want := range []string{`hookproof_stream_messages{stream="PARKED"} 0`, `hookproof_stream_messages{stream="UNVERIFIED"} 0`, "hookproof_clock_offset_seconds 0"} {
		if strings.Count(text, want+"\n") != 1 {
			t.Errorf("not one %s in\n%s", want, text)
		}
	}
	check := hub.Clock()
	if err := check.Run(t.Context()); err != nil {
		t.Errorf("clock = %v", err)
	}
	hub.latest.Store(&[]reading{{gaugeClock, -7, nil}})
	if err := check.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "7s behind") {
		t.Errorf("clock of 7 s behind = %v", err)
	}
	far.Close()
	hub.look(t.Context())
	if err := check.Run(t.Context()); err != nil {
		t.Errorf("clock without the server = %v, want nil: it cannot be known", err)
	}
}
