package bus_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

func TestScan(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	const stream = bus.StreamVerified
	for _, webhook := range []string{"a", "b", "a"} {
		publish(t, b, "verified."+webhook, "id", "early") // two are duplicates
		publish(t, b, "verified."+webhook, "", "early")
	}
	boundary, err := b.Last(t.Context(), stream, "verified.*")
	if err != nil {
		t.Fatal(err)
	}
	for time.Now().Before(boundary.Time.Add(time.Millisecond)) { // the next has a later time
		time.Sleep(time.Millisecond)
	}
	publish(t, b, "verified.b", "late", "late")
	late, err := b.Last(t.Context(), stream, "verified.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		stream  string
		options bus.ScanOptions
		want    []uint64 // sequences
	}{
		{"everything", stream, bus.ScanOptions{Subject: "verified.*"}, []uint64{1, 2, 3, 4, 5}},
		{"one subject", stream, bus.ScanOptions{Subject: "verified.b"}, []uint64{3, 5}},
		{"headers only", stream, bus.ScanOptions{Subject: "verified.*", HeadersOnly: true}, []uint64{1, 2, 3, 4, 5}},
		{"since the last", stream, bus.ScanOptions{Subject: "verified.*", Since: late.Time}, []uint64{5}},
		{"since the one before", stream, bus.ScanOptions{Subject: "verified.*", Since: boundary.Time}, []uint64{4, 5}},
		{"since the future", stream, bus.ScanOptions{Subject: "verified.*", Since: time.Now().Add(time.Hour)}, nil},
		{"new without follow", stream, bus.ScanOptions{Subject: "verified.*", New: true}, nil},
		{"no such subject", stream, bus.ScanOptions{Subject: "verified.none"}, nil},
		{"an empty stream", bus.StreamRejected, bus.ScanOptions{Subject: "rejected.*"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var got []uint64
			err := b.Scan(ctx, tt.stream, tt.options, func(m bus.Stored) error {
				got = append(got, m.Sequence)
				want := "early"
				if m.Sequence == 5 {
					want = "late"
				}
				if tt.options.HeadersOnly {
					want = ""
				}
				if string(m.Data) != want || m.Time.IsZero() || m.Subject == "" {
					t.Errorf("message %d = %s %q at %s, want data %q", m.Sequence, m.Subject, m.Data, m.Time, want)
				}
				if id := m.Header.Get("Nats-Msg-Id"); m.Sequence == 5 && id != "late" {
					t.Errorf("message 5 has the id %q, want late", id)
				}
				return nil
			})
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("Scan(%+v) = %v, %v, want %v", tt.options, got, err, tt.want)
			}
		})
	}
	if err := native(t, srv).DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	if err := b.Scan(t.Context(), stream, bus.ScanOptions{Subject: "verified.*"}, nil); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("Scan of a missing stream = %v, want ErrUnavailable", err)
	}
}

func TestScanReturnsTheErrorOfItsFunction(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	publish(t, b, "verified.a", "", "")
	publish(t, b, "verified.a", "", "")
	stop, calls := errors.New("stop"), 0
	err := b.Scan(t.Context(), bus.StreamVerified, bus.ScanOptions{Subject: "verified.*", Follow: true}, func(bus.Stored) error { calls++; return stop })
	if err != stop || calls != 1 {
		t.Errorf("Scan = %v after %d calls, want %v after 1", err, calls, stop)
	}
}

func TestScanFollows(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before int // messages stored before the scan
		new    bool
		want   []uint64
	}{
		{"an empty stream", 0, false, []uint64{1, 2}},
		{"what is there first", 2, false, []uint64{1, 2, 3, 4}},
		{"new messages only", 2, true, []uint64{3, 4}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, srv := bustest.New(t, bus.Topology{})
			for range tt.before {
				publish(t, b, "verified.a", "", "")
			}
			got := make(chan uint64, 10)
			stop := run(t, func(ctx context.Context) error {
				return b.Scan(ctx, bus.StreamVerified, bus.ScanOptions{Subject: "verified.*", Follow: true, New: tt.new},
					func(m bus.Stored) error { got <- m.Sequence; return nil })
			})
			js := native(t, srv)
			eventually(t, patience, "the scan has begun", func() bool { // what is published before it is not new to it
				s, err := js.Stream(t.Context(), bus.StreamVerified)
				return err == nil && s.CachedInfo().State.Consumers > 0
			})
			for range 2 {
				publish(t, b, "verified.a", "", "")
			}
			for _, want := range tt.want {
				if s := receive(t, got, "a message of the scan"); s != want {
					t.Fatalf("Scan gave message %d, want %d", s, want)
				}
			}
			stop()
		})
	}
}

func TestScanEndsWithItsDeadline(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := b.Scan(ctx, bus.StreamVerified, bus.ScanOptions{Subject: "verified.*", Follow: true}, func(bus.Stored) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Scan past its deadline = %v, want DeadlineExceeded", err)
	}
}
