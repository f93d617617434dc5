package bus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

func TestWindow(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	ctx := context.Background()
	const n = 600
	for i := range n {
		subject, size := "rejected.many", 10
		if i%100 == 0 {
			subject = "rejected.few"
		}
		if i >= 590 {
			size = 900 << 10
		}
		if _, err := b.Publish(ctx, &nats.Msg{Subject: subject, Header: nats.Header{"N": {"v"}}, Data: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		subject      string
		first, last  uint64
		want, oldest int // how many, and the sequence of the oldest
		complete     bool
	}{
		"a part":                   {"rejected.*", 11, 20, 10, 11, true},
		"one":                      {"rejected.*", 7, 7, 1, 7, true},
		"the last":                 {"rejected.*", 600, 600, 1, 600, true},
		"a rare subject":           {"rejected.few", 1, 600, 6, 1, true},
		"nothing of the subject":   {"rejected.few", 2, 90, 0, 0, true},
		"beyond the end":           {"rejected.*", 601, 700, 0, 0, true},
		"no such subject":          {"rejected.none", 1, 600, 0, 0, true},
		"more messages than fit":   {"rejected.many", 1, 590, 256, 2, false},
		"more bytes than fit":      {"rejected.*", 591, 600, 5, 591, false},
		"one that is too large":    {"rejected.*", 595, 595, 1, 595, true},
		"up to the end and beyond": {"rejected.*", 580, 590, 11, 580, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, complete, err := b.Window(ctx, bus.StreamRejected, c.subject, c.first, c.last)
			if err != nil || len(got) != c.want || complete != c.complete {
				t.Fatalf("Window = %d messages, complete %t, %v, want %d, %t", len(got), complete, err, c.want, c.complete)
			}
			for i, m := range got {
				if i == 0 && m.Sequence != uint64(c.oldest) || m.Header.Get("N") != "v" || m.Time.IsZero() || m.Subject == "" {
					t.Errorf("message %d = %s %d at %s", i, m.Subject, m.Sequence, m.Time)
				}
			}
		})
	}
	if _, _, err := b.Window(ctx, bus.StreamUnverified, "unverified.*", 1, 10); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("without direct reads: error = %v, want ErrUnavailable", err)
	}
}

// TestSince reads from a time on, which may lie before, within and after what is stored.
func TestSince(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	ctx := context.Background()
	if got, err := b.Since(ctx, bus.StreamVerified, "verified.*", time.Now(), 5); err != nil || len(got) != 0 {
		t.Errorf("Since of an empty stream = %d messages, %v", len(got), err)
	}
	for i := range 10 {
		size := 10
		if i >= 5 {
			size = 500 << 10
		}
		if _, err := b.Publish(ctx, &nats.Msg{Subject: "verified.w", Data: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	third, err := b.Message(ctx, bus.StreamVerified, 3)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at    time.Time
		n     int
		first uint64 // sequence; 0 for nothing
		want  int
	}{
		"long ago":                 {time.Now().Add(-time.Hour), 2, 1, 2},
		"the time of a message":    {third.Time, 1, 3, 1},
		"just after it":            {third.Time.Add(1), 2, 4, 2},
		"more bytes than are read": {third.Time, 100, 3, 6}, // three small ones, and 1 MiB is passed with the third large one
		"the future":               {time.Now().Add(time.Hour), 5, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := b.Since(ctx, bus.StreamVerified, "verified.*", c.at, c.n)
			if err != nil || len(got) != c.want || len(got) > 0 && got[0].Sequence != c.first {
				t.Errorf("Since = %d messages, %v, want %d from %d on", len(got), err, c.want, c.first)
			}
		})
	}
}
