package bus_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// planned writes a plan as lines.
func planned(p bus.Plan) []string {
	var lines []string
	for _, c := range p {
		if c.Make {
			lines = append(lines, "make "+c.Kind+" "+c.Name)
		}
		for _, s := range c.Settings {
			line := fmt.Sprintf("%s %s %s: %s -> %s", c.Kind, c.Name, s.Name, s.From, s.To)
			if s.Refused != "" {
				line += " refused"
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func TestPlanChangesNothing(t *testing.T) {
	srv := bustest.Start(t)
	b := bustest.Connect(t, srv)
	plan, err := b.Plan(t.Context(), bus.Topology{}, srv)
	want := []string{"make stream UNVERIFIED", "make stream VERIFIED", "make stream REJECTED", "make stream PARKED", "make stream CONFIG",
		"make bucket replay-signed", "make bucket replay-body", "make bucket policies", "make bucket routes", "make bucket webhooks",
		"make consumer UNVERIFIED/verifier", "make consumer CONFIG/provisioner"}
	if got := planned(plan); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Plan of an empty server = %q, %v, want %q", got, err, want)
	}
	if have := configs(t, native(t, srv)); len(have) != 0 {
		t.Errorf("Plan made %v, want nothing", have)
	}
}

func TestPlanIsEmptyAfterSetup(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{MaxStorage: 1 << 30})
	for _, topology := range []bus.Topology{
		{MaxStorage: 1 << 30}, {}, {Horizon: 3 * time.Hour}, {ReplayMemory: 48 * time.Hour, AckWait: time.Minute},
	} {
		if err := b.Setup(t.Context(), topology, srv); err != nil {
			t.Fatalf("Setup(%+v) = %v", topology, err)
		}
		if plan, err := b.Plan(t.Context(), topology, srv); err != nil || len(plan) != 0 {
			t.Errorf("Plan(%+v) after Setup = %q, %v, want none", topology, planned(plan), err)
		}
	}
}

// What somebody changed by hand is shown setting by setting and put back; what a topology says nothing about stays.
func TestPlanShowsEverySetting(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	js := native(t, srv)
	edit(t, js, bus.StreamRejected, func(c *jetstream.StreamConfig) {
		c.Description, c.MaxMsgSize, c.AllowDirect, c.MaxAge = "mine", 1<<20, false, time.Hour
		c.RePublish = &jetstream.RePublish{Source: ">", Destination: "copy.>", HeadersOnly: true}
		c.Compression, c.Metadata = jetstream.S2Compression, map[string]string{"team": "edge"}
	})
	c, err := js.Consumer(t.Context(), bus.StreamUnverified, bus.ConsumerVerifier)
	if err != nil {
		t.Fatal(err)
	}
	config := c.CachedInfo().Config
	config.HeadersOnly, config.MaxAckPending, config.AckWait = true, 10, 5*time.Second
	if _, err := js.UpdateConsumer(t.Context(), bus.StreamUnverified, config); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"stream REJECTED allow_direct: false -> true",
		"stream REJECTED description: mine -> requests that failed a check, with the reason",
		"stream REJECTED max_age: 1h0m0s -> 2160h0m0s",
		"stream REJECTED max_msg_size: 1048576 -> none",
		`stream REJECTED republish: {"src":"\u003e","dest":"copy.\u003e","headers_only":true} -> none`,
		"consumer UNVERIFIED/verifier ack_wait: 5s -> 30s",
		"consumer UNVERIFIED/verifier headers_only: true -> false",
		"consumer UNVERIFIED/verifier max_ack_pending: 10 -> 16384",
	}
	plan, err := b.Plan(t.Context(), bus.Topology{}, srv)
	if got := planned(plan); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Plan = %q, %v, want %q", got, err, want)
	}
	if err := b.Apply(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if plan, err := b.Plan(t.Context(), bus.Topology{}, srv); err != nil || len(plan) != 0 {
		t.Errorf("Plan after Apply = %q, %v, want none", planned(plan), err)
	}
	s, err := js.Stream(t.Context(), bus.StreamRejected)
	if err != nil {
		t.Fatal(err)
	}
	if c := s.CachedInfo().Config; c.Compression != jetstream.S2Compression || c.Metadata["team"] != "edge" {
		t.Errorf("after Apply the compression is %v and the metadata %v, want both as the operator left them", c.Compression, c.Metadata)
	}
}

func TestSetupRefusesToLose(t *testing.T) {
	small := bus.Topology{MaxStorage: 1 << 20} // 41,940 bytes on PARKED
	tests := []struct {
		name     string
		stream   string
		live     func(*jetstream.StreamConfig) // as somebody has made it
		topology bus.Topology
		setting  string
		reason   string
	}{
		{"retention", bus.StreamUnverified, func(c *jetstream.StreamConfig) { c.Retention = jetstream.LimitsPolicy }, bus.Topology{}, "retention", "deletes what it holds"},
		{"storage", bus.StreamVerified, func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, bus.Topology{}, "storage", "deletes what it holds"},
		{"another subject", bus.StreamParked, func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "mine.>") }, bus.Topology{}, "subjects", "mine.>"},
		{"less than is stored", bus.StreamParked, nil, small, "max_bytes", "--max-storage"},
		{"fewer a subject", "KV_" + bus.BucketRoutes, func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 5 }, bus.Topology{}, "max_msgs_per_subject", "it holds 3 messages of one subject"},
		{"a limit that goes", bus.StreamParked, func(c *jetstream.StreamConfig) { c.MaxMsgs = 5 }, bus.Topology{}, "", ""},
		{"deletion denied", bus.StreamConfig, func(c *jetstream.StreamConfig) { c.DenyDelete = true }, bus.Topology{}, "deny_delete", "cannot be unset"},
		{"sealed", bus.StreamRejected, nil, bus.Topology{}, "sealed", "deletes what it holds"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, srv := bustest.New(t, bus.Topology{})
			js := native(t, srv)
			s, err := js.Stream(t.Context(), tt.stream)
			if err != nil {
				t.Fatal(err)
			}
			if tt.live != nil {
				remake(t, js, tt.stream, s.CachedInfo().Config, tt.live)
			}
			subject := strings.NewReplacer("*", "genesys", ">", "genesys").Replace(s.CachedInfo().Config.Subjects[0])
			for i := range 3 {
				publish(t, b, subject, fmt.Sprint("id-", i), strings.Repeat("x", 20_000))
			}
			if tt.setting == "sealed" {
				edit(t, js, tt.stream, func(c *jetstream.StreamConfig) { c.Sealed = true })
			}
			before := configs(t, js)
			held, err := b.State(t.Context(), tt.stream, "")
			if err != nil {
				t.Fatal(err)
			}
			err = b.Setup(t.Context(), tt.topology, srv)
			if tt.setting == "" {
				if err != nil {
					t.Errorf("Setup = %v, want nil: a limit that goes loses nothing", err)
				}
				return
			}
			if !errors.Is(err, bus.ErrRefused) || !strings.Contains(err.Error(), strings.TrimPrefix(tt.stream, "KV_")+": "+tt.setting+": from ") || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("Setup = %v, want ErrRefused that names %s and %s and says %q", err, tt.stream, tt.setting, tt.reason)
			}
			if after := configs(t, js); !reflect.DeepEqual(after, before) {
				t.Errorf("after a refusal the settings are\n%+v\nwant\n%+v", after, before)
			}
			if state, err := b.State(t.Context(), tt.stream, ""); err != nil || state.Messages != held.Messages {
				t.Errorf("after a refusal it holds %d messages, %v, want %d", state.Messages, err, held.Messages)
			}
		})
	}
}

// The window of message ids gets shorter only when nothing waits that may still need it.
func TestSetupRefusesAShorterWindow(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{Horizon: 3 * time.Hour})
	shorter := bus.Topology{Horizon: time.Nanosecond, MaxTolerance: time.Nanosecond}
	want := []string{
		"stream VERIFIED duplicate_window: 3h15m0s -> 15m0.000000001s",
		"bucket replay-signed max_age: 3h30m0s -> 15m0.000000002s",
	}
	plan, err := b.Plan(t.Context(), shorter, srv)
	if got := planned(plan); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Plan with nothing stored = %q, %v, want %q", got, err, want)
	}
	publish(t, b, "unverified.genesys", "id-1", "waits")
	plan, err = b.Plan(t.Context(), shorter, srv)
	if err := plan.Refused(); err == nil || !strings.Contains(err.Error(), "VERIFIED: duplicate_window") || !strings.Contains(err.Error(), "verified twice") {
		t.Errorf("Plan with a request older than the horizon: refused = %v, want the window of VERIFIED", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	// Apply makes the other changes, and leaves that one.
	if err := b.Apply(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	plan, err = b.Plan(t.Context(), shorter, srv)
	if got := planned(plan); err != nil || !reflect.DeepEqual(got, []string{want[0] + " refused"}) {
		t.Errorf("Plan after Apply = %q, %v, want what was refused", got, err)
	}
}

// edit changes a stream as an operator does.
func edit(t *testing.T, js jetstream.JetStream, name string, change func(*jetstream.StreamConfig)) {
	t.Helper()
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	change(&c)
	if _, err := js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}
