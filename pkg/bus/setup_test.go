package bus_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// configs reads the live settings of every stream and consumer.
func configs(t *testing.T, js jetstream.JetStream) map[string]any {
	t.Helper()
	all := map[string]any{}
	streams := js.ListStreams(t.Context())
	for s := range streams.Info() {
		all[s.Config.Name] = s.Config
		stream, err := js.Stream(t.Context(), s.Config.Name)
		if err != nil {
			t.Fatal(err)
		}
		consumers := stream.ListConsumers(t.Context())
		for c := range consumers.Info() {
			all[s.Config.Name+"/"+c.Name] = c.Config
		}
		if err := consumers.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := streams.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSetupTwiceChangesNothing(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	js := native(t, srv)
	publish(t, b, "unverified.genesys", "id-1", "body")
	if lost, err := b.NewClaims(bus.BucketReplayBody).Claim(t.Context(), "key", []byte("me")); lost != nil || err != nil {
		t.Fatalf("Claim = %v, %v", lost, err)
	}
	before := configs(t, js)
	if err := b.Setup(t.Context(), bus.Topology{}, srv); err != nil {
		t.Fatalf("second Setup = %v, want nil", err)
	}
	after := configs(t, js)
	if len(before) != 12 { // 5 streams, 5 buckets, 2 consumers
		t.Errorf("Setup made %d streams, buckets and consumers, want 12: %v", len(before), before)
	}
	for name, want := range before {
		if !reflect.DeepEqual(after[name], want) {
			t.Errorf("%s after a second Setup = %+v, want %+v", name, after[name], want)
		}
	}
	for _, stream := range []string{bus.StreamUnverified, "KV_" + bus.BucketReplayBody} {
		if s, err := b.State(t.Context(), stream, ""); err != nil || s.Messages != 1 {
			t.Errorf("State(%q) after a second Setup = %d messages, %v, want 1", stream, s.Messages, err)
		}
	}
	if err := b.Check(t.Context(), bus.Topology{}); err != nil {
		t.Errorf("Check after Setup = %v, want nil", err)
	}
}

func TestSetupBringsAStreamToItsDeclaredSettings(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	wider := bus.Topology{Horizon: 3 * time.Hour}
	if err := b.Check(t.Context(), wider); !errors.Is(err, bus.ErrUnsafe) {
		t.Errorf("Check of a wider horizon = %v, want ErrUnsafe", err)
	}
	if err := b.Setup(t.Context(), wider, srv); err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context(), wider); err != nil {
		t.Errorf("Check after Setup = %v, want nil", err)
	}
}

// A server that was started without its encryption key shows no streams although their files are there. Making them
// anew would delete the files.
func TestSetupRefusesFilesThatWereNotRecovered(t *testing.T) {
	dir := t.TempDir()
	encrypted, err := server.NewServer(&server.Options{JetStream: true, StoreDir: dir, DontListen: true, NoSigs: true, NoLog: true,
		JetStreamKey: "a key that is lost afterwards", JetStreamCipher: server.ChaCha})
	if err != nil {
		t.Fatal(err)
	}
	encrypted.Start()
	if !encrypted.ReadyForConnections(patience) {
		t.Fatal("the encrypted server is not ready")
	}
	nc := connect(t, "", inProcess(encrypted))
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: bus.StreamUnverified, Subjects: []string{"unverified.*"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "unverified.genesys", []byte("precious")); err != nil {
		t.Fatal(err)
	}
	nc.Close()
	encrypted.Shutdown()
	encrypted.WaitForShutdown()

	srv, err := bus.StartServer(bus.ServerConfig{Dir: dir}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Shutdown)
	b := bustest.Connect(t, srv)
	if _, err := b.State(t.Context(), bus.StreamUnverified, ""); err == nil {
		t.Fatal("the server shows the encrypted stream; the test needs one that it does not show")
	}
	err = b.Setup(t.Context(), bus.Topology{}, srv)
	if err == nil || !strings.Contains(err.Error(), bus.StreamUnverified) || !strings.Contains(err.Error(), "did not recover") {
		t.Errorf("Setup over files that were not recovered = %v, want a refusal that names the stream", err)
	}
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", bus.StreamUnverified, "msgs", "*.blk"))
	if err != nil || len(blocks) == 0 {
		t.Errorf("message blocks after the refusal = %v, %v, want them still there", blocks, err)
	}
}

func TestCheckRefuses(t *testing.T) {
	type change = func(*jetstream.StreamConfig)
	tests := []struct {
		name   string
		stream string
		change change // nil: the stream is deleted
		want   string
		is     error
	}{
		{"DiscardOld", bus.StreamUnverified, func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }, "discards its oldest", bus.ErrUnsafe},
		{"DiscardOld on VERIFIED", bus.StreamVerified, func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }, "discards its oldest", bus.ErrUnsafe},
		{"MaxAge", bus.StreamUnverified, func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, "older than 1h0m0s", bus.ErrUnsafe},
		{"memory", bus.StreamUnverified, func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, "storage", bus.ErrUnsafe},
		{"MaxMsgsPerSubject", bus.StreamUnverified, func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 5 }, "only 5 messages", bus.ErrUnsafe},
		{"retention", bus.StreamUnverified, func(c *jetstream.StreamConfig) { c.Retention = jetstream.LimitsPolicy }, "WorkQueue", bus.ErrUnsafe},
		{"duplicate window", bus.StreamVerified, func(c *jetstream.StreamConfig) { c.Duplicates = 2 * time.Minute }, "duplicate window is 2m0s", bus.ErrUnsafe},
		{"direct reads", "KV_" + bus.BucketReplayBody, func(c *jetstream.StreamConfig) { c.AllowDirect = true }, "direct reads", bus.ErrUnsafe},
		{"direct reads, signed", "KV_" + bus.BucketReplaySigned, func(c *jetstream.StreamConfig) { c.AllowDirect = true }, "direct reads", bus.ErrUnsafe},
		{"short claims", "KV_" + bus.BucketReplayBody, func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, "claims live 1h0m0s", bus.ErrUnsafe},
		{"missing stream", bus.StreamVerified, nil, "run hookproof setup", bus.ErrNotFound},
		{"missing bucket", "KV_" + bus.BucketPolicies, nil, "run hookproof setup", bus.ErrNotFound},
	}
	b, srv := bustest.New(t, bus.Topology{})
	js := native(t, srv)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := js.Stream(t.Context(), tt.stream)
			if err != nil {
				t.Fatal(err)
			}
			good := s.CachedInfo().Config
			remake(t, js, tt.stream, good, tt.change)
			defer remake(t, js, tt.stream, good, func(*jetstream.StreamConfig) {})
			err = b.Check(t.Context(), bus.Topology{})
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.stream) {
				t.Errorf("Check with %s = %v, want %v that names %s and says %q", tt.name, err, tt.is, tt.stream, tt.want)
			}
			if lines := strings.Count(err.Error(), "\n"); lines != 0 {
				t.Errorf("Check with %s = %v, want one fault", tt.name, err)
			}
		})
	}
	if err := b.Check(t.Context(), bus.Topology{}); err != nil {
		t.Errorf("Check once all is well again = %v, want nil", err)
	}
}

func TestCheckNamesEveryFault(t *testing.T) {
	b := bustest.Connect(t, bustest.Start(t))
	err := b.Check(t.Context(), bus.Topology{})
	for _, name := range []string{bus.StreamUnverified, bus.StreamVerified, bus.StreamRejected, bus.StreamParked, bus.StreamConfig,
		bus.BucketReplaySigned, bus.BucketReplayBody, bus.BucketPolicies, bus.BucketRoutes, bus.BucketWebhooks} {
		if !errors.Is(err, bus.ErrNotFound) || !strings.Contains(err.Error(), name) {
			t.Errorf("Check of an empty server = %v, want it to name %s", err, name)
		}
	}
}

// A role must get by with the right to ask about its own streams.
func TestCheckLooksAtTheNamedOnly(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	if err := native(t, srv).DeleteStream(t.Context(), bus.StreamRejected); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		streams []string
		ok      bool
	}{
		{"ingress", bus.IngressStreams(), true},
		{"provisioner", bus.ProvisionerStreams(), true},
		{"verifier", bus.VerifierStreams(), false},
		{"all", nil, false},
	} {
		if err := b.Check(t.Context(), bus.Topology{}, tt.streams...); (err == nil) != tt.ok {
			t.Errorf("Check of the streams of %s without REJECTED = %v, want ok %v", tt.name, err, tt.ok)
		}
	}
}

// remake deletes a stream and makes it again with changed settings; a nil change leaves it deleted.
func remake(t *testing.T, js jetstream.JetStream, name string, c jetstream.StreamConfig, change func(*jetstream.StreamConfig)) {
	t.Helper()
	if err := js.DeleteStream(t.Context(), name); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatal(err)
	}
	if change == nil {
		return
	}
	change(&c)
	if _, err := js.CreateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}
