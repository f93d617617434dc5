package bus_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

func TestPublishOfTheSameIDIsADuplicate(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	for _, tt := range []struct {
		name, subject, id string
		sequence          uint64
		duplicate         bool
	}{
		{"first", "verified.genesys", "a", 1, false},
		{"again", "verified.genesys", "a", 1, true},
		{"again on another subject of the stream", "verified.other", "a", 1, true},
		{"another id", "verified.genesys", "b", 2, false},
		{"without id", "verified.genesys", "", 3, false},
		{"without id again", "verified.genesys", "", 4, false},
	} {
		ack := publish(t, b, tt.subject, tt.id, "body")
		want := bus.Ack{Stream: bus.StreamVerified, Sequence: tt.sequence, Duplicate: tt.duplicate}
		if ack != want {
			t.Errorf("%s: Publish(%q, id %q) = %+v, want %+v", tt.name, tt.subject, tt.id, ack, want)
		}
	}
}

func TestPublishToAFullStream(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{MaxStorage: 4 << 20})
	for _, tt := range []struct {
		name, stream, subject string
		want                  error
	}{
		{"back-pressure", bus.StreamUnverified, "unverified.genesys", bus.ErrFull},
		{"back-pressure", bus.StreamVerified, "verified.genesys", bus.ErrFull},
		{"back-pressure", bus.StreamParked, "parked.genesys", bus.ErrFull},
		{"the oldest goes", bus.StreamRejected, "rejected.genesys", nil},
	} {
		t.Run(tt.stream, func(t *testing.T) {
			var err error
			for i := 0; i < 200 && err == nil; i++ { // 4 MB, more than any stream's share
				_, err = b.Publish(t.Context(), message(tt.subject, "", strings.Repeat("x", 20<<10)))
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("Publish(%q) to a full stream = %v, want %v (%s)", tt.subject, err, tt.want, tt.name)
			}
			s, err := b.State(t.Context(), tt.stream, "")
			if err != nil || s.Fill() < 0.7 || s.Fill() > 1 {
				t.Errorf("Fill of the full %s = %v, %v, want almost 1", tt.stream, s.Fill(), err)
			}
			if kept := s.FirstSequence == 1; kept != (tt.want != nil) {
				t.Errorf("the first sequence of the full %s = %d, want kept %v", tt.stream, s.FirstSequence, tt.want != nil)
			}
		})
	}
}

func TestPublishTooLarge(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	for _, tt := range []struct {
		name, subject string
		size          int64
		want          error
	}{
		{"the bus's limit", "unverified.genesys", b.MaxPayload() + 1, bus.ErrTooLarge},
		{"with headers over the bus's limit", "unverified.genesys", b.MaxPayload() - 1, bus.ErrTooLarge},
		{"the stream's limit", "config.genesys", 257 << 10, bus.ErrTooLarge},
		{"below both", "config.genesys", 200 << 10, nil},
	} {
		_, err := b.Publish(t.Context(), message(tt.subject, "an-id", strings.Repeat("x", int(tt.size))))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: Publish(%q) of %d bytes = %v, want %v", tt.name, tt.subject, tt.size, err, tt.want)
		}
	}
}

func TestServerGone(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	if err := b.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v, want nil", err)
	}
	srv.Shutdown()
	eventually(t, patience, "Ready tells that the server is gone", func() bool { return errors.Is(b.Ready(t.Context()), bus.ErrUnavailable) })
	for name, call := range map[string]func() error{
		"Publish":  func() error { _, err := b.Publish(t.Context(), message("verified.genesys", "a", "")); return err },
		"Claim":    func() error { _, err := b.NewClaims(bus.BucketReplayBody).Claim(t.Context(), "key", nil); return err },
		"Get":      func() error { _, err := b.Get(t.Context(), bus.BucketReplayBody, "key"); return err },
		"State":    func() error { _, err := b.State(t.Context(), bus.StreamVerified, ""); return err },
		"Last":     func() error { _, err := b.Last(t.Context(), bus.StreamVerified, "verified.*"); return err },
		"Announce": func() error { return b.Announce("a.subject", nil) },
		"Check":    func() error { return b.Check(t.Context(), bus.Topology{}) },
	} {
		if err := call(); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("%s without a server = %v, want ErrUnavailable", name, err)
		}
	}
}

func TestPublishWhereNoStreamListens(t *testing.T) {
	b := bustest.Connect(t, bustest.Start(t))
	if _, err := b.Publish(t.Context(), message("verified.genesys", "a", "")); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("Publish without a stream = %v, want ErrUnavailable", err)
	}
}

func TestConnectRefuses(t *testing.T) {
	srv := bustest.Start(t)
	for _, tt := range []struct {
		name string
		cfg  bus.Config
	}{
		{"nobody listens", bus.Config{URL: "nats://127.0.0.1:1"}},
		{"no nkey file", bus.Config{InProcess: srv, NKey: "/does/not/exist"}},
		{"no credentials file", bus.Config{InProcess: srv, Creds: "/does/not/exist"}},
		{"no CA file", bus.Config{InProcess: srv, CA: "/does/not/exist"}},
		{"a key without its certificate", bus.Config{InProcess: srv, Key: "/does/not/exist"}},
	} {
		if b, err := bus.Connect(tt.cfg, bustest.Log(t)); err == nil {
			b.Close()
			t.Errorf("%s: Connect = nil, want an error", tt.name)
		}
	}
}

func TestListenSeesWhatIsAnnounced(t *testing.T) {
	srv := bustest.Start(t)
	sender, listener := bustest.Connect(t, srv), bustest.Connect(t, srv)
	got := make(chan string, 10)
	stop, err := listener.Listen("notices.*", func(m *nats.Msg) { got <- m.Subject + " " + string(m.Data) })
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Announce("notices.one", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if s := receive(t, got, "the notice"); s != "notices.one hello" {
		t.Errorf("Listen got %q, want %q", s, "notices.one hello")
	}
	stop()
	again, err := listener.Listen("notices.two", func(m *nats.Msg) { got <- "second" })
	if err != nil {
		t.Fatal(err)
	}
	defer again()
	if err := sender.Announce("notices.two", nil); err != nil {
		t.Fatal(err)
	}
	if s := receive(t, got, "the second notice"); s != "second" {
		t.Errorf("after stop the first listener got %q", s)
	}
}

func TestStateLastAndKeys(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	ctx := t.Context()
	if _, err := b.Last(ctx, bus.StreamVerified, "verified.*"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("Last of an empty stream = %v, want ErrNotFound", err)
	}
	if keys, err := b.Keys(ctx, bus.BucketRoutes); err != nil || len(keys) != 0 {
		t.Errorf("Keys of an empty bucket = %q, %v, want none", keys, err)
	}
	start := time.Now()
	for _, webhook := range []string{"a", "b", "a"} {
		publish(t, b, "verified."+webhook, "", "body of "+webhook)
	}
	s, err := b.State(ctx, bus.StreamVerified, "verified.a")
	if err != nil || s.Messages != 3 || s.FirstSequence != 1 || s.LastSequence != 3 || s.Bytes == 0 || s.MaxBytes <= 0 || s.MaxAge != 7*24*time.Hour {
		t.Errorf("State = %+v, %v", s, err)
	}
	if len(s.Subjects) != 1 || s.Subjects["verified.a"] != 2 {
		t.Errorf("State of verified.a: subjects = %v, want 2 of verified.a only", s.Subjects)
	}
	if s.FirstTime.Before(start.Add(-time.Second)) || s.ServerTime.Before(s.FirstTime) || s.Created.After(s.FirstTime) {
		t.Errorf("State: created %s, first %s, server time %s, want in that order", s.Created, s.FirstTime, s.ServerTime)
	}
	for subject, want := range map[string]string{"verified.*": "body of a", "verified.b": "body of b"} {
		if m, err := b.Last(ctx, bus.StreamVerified, subject); err != nil || string(m.Data) != want {
			t.Errorf("Last(%q) = %q, %v, want %q", subject, m.Data, err, want)
		}
	}
	for _, key := range []string{"zulu", "alpha", "gone"} {
		if _, err := b.Put(ctx, bus.BucketRoutes, key, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Delete(ctx, bus.BucketRoutes, "gone"); err != nil {
		t.Fatal(err)
	}
	if keys, err := b.Keys(ctx, bus.BucketRoutes); err != nil || !slices.Equal(keys, []string{"alpha", "gone", "zulu"}) {
		t.Errorf("Keys = %q, %v, want alpha, gone and zulu", keys, err)
	}
	if err := native(t, srv).DeleteStream(ctx, bus.StreamVerified); err != nil {
		t.Fatal(err)
	}
	if _, err := b.State(ctx, bus.StreamVerified, ""); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("State of a missing stream = %v, want ErrStreamNotFound inside", err)
	}
}
