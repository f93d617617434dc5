package console

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
)

// TestHistory counts and times what is stored in a slot, however much more than a sample that is.
func TestHistory(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	ctx := context.Background()
	store := func(subject string, received time.Time, attempt string) {
		t.Helper()
		m := &nats.Msg{Subject: subject, Header: nats.Header{event.HeaderReceivedAt: {received.Format(time.RFC3339Nano)}}}
		if attempt != "" {
			m.Header.Set(event.HeaderAttempt, attempt)
		}
		if _, err := b.Publish(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	h := newHistory(b)
	before := time.Now()
	if err := h.advance(ctx, before.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	store("rejected.w", time.Now().Add(-time.Hour), "1") // redriven: it waited for a person
	for range 40 {
		store("verified.w", time.Now().Add(-2*time.Second), "")
	}
	for range 3 {
		store("rejected.w", time.Now().Add(time.Hour), "") // by a clock that is ahead
	}
	store("parked.w", time.Now(), "")
	for name, now := range map[string]time.Time{"at once": time.Now().Add(slotWidth + 2*settle), "a minute later": time.Now().Add(time.Minute)} {
		if err := h.advance(ctx, now); err != nil {
			t.Fatal(err)
		}
		var sum point
		for _, p := range h.points(now) {
			if p.Verified > 0 && (p.Start.After(time.Now()) || p.Start.Before(before.Add(-slotWidth))) {
				t.Errorf("%s: outcomes at %s", name, p.Start)
			}
			sum.Verified, sum.Rejected, sum.Parked = sum.Verified+p.Verified, sum.Rejected+p.Rejected, sum.Parked+p.Parked
			sum.Latencies = append(sum.Latencies, p.Latencies...)
		}
		if sum.Verified != 40 || sum.Rejected != 4 || sum.Parked != 1 {
			t.Errorf("%s: %d verified, %d rejected, %d parked, want 40, 4, 1", name, sum.Verified, sum.Rejected, sum.Parked)
		}
		slow := 0
		for _, d := range sum.Latencies {
			if d < 0 || d > time.Minute {
				t.Errorf("%s: a latency of %s", name, d)
			}
			if d >= 2*time.Second {
				slow++
			}
		}
		if slow < sampled {
			t.Errorf("%s: %d of %d latencies are those of verified events", name, slow, len(sum.Latencies))
		}
	}
	if len(h.slots) > slots+1 {
		t.Errorf("%d slots are remembered", len(h.slots))
	}
}

func TestSteps(t *testing.T) {
	now := time.Unix(1_800_000_001, 0)
	at := func(ago int) point { return point{Start: newestSlot(now).Add(-time.Duration(ago) * slotWidth)} }
	line, area := steps([]point{at(5), at(4), at(2), at(1)}, []float64{1, 1, 2, 0}, now, func(v float64) float64 { return v / 2 })
	if want := "M255 30.5h6M264 1h3V60h3"; line != want {
		t.Errorf("line = %s, want %s", line, want)
	}
	if want := "M255 60V30.5h6V60M264 60V1h3V60M267 60V60h3V60"; area != want {
		t.Errorf("area = %s, want %s", area, want)
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 0.2: 1, 1: 1, 1.1: 2, 3: 5, 7: 10, 10: 10, 99: 100, 120: 200, 5001: 10000} {
		if got := niceTop(v, 1); got != want {
			t.Errorf("niceTop(%g) = %g, want %g", v, got, want)
		}
	}
	for ms, want := range map[float64]string{0.04: "0.0 ms", 1.26: "1.3 ms", 12.4: "12 ms", 1500: "1.5 s", 600_000: "10m0s"} {
		if got := millisecondsText(ms); got != want {
			t.Errorf("millisecondsText(%g) = %s, want %s", ms, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %s, want %s", n, got, want)
		}
	}
}

// TestCommands makes a command of nothing that a shell would not read as it is meant.
func TestCommands(t *testing.T) {
	for _, c := range []struct{ webhook, reason, stream, want string }{
		{"w", "SIGNATURE_MISMATCH", bus.StreamRejected, "hookproof redrive --webhook w --reason SIGNATURE_MISMATCH --since 1h --dry-run"},
		{"w", "PANIC", bus.StreamParked, "hookproof redrive --webhook w --reason PANIC --parked --since 1h --dry-run"},
		{"w", "REPLAY_ATTACK_DETECTED", bus.StreamRejected, ""}, {"w", "PANIC", bus.StreamRejected, ""},
		{"$(reboot)", "SIGNATURE_MISMATCH", bus.StreamRejected, ""}, {"w", "SIGNATURE_MISMATCH; reboot", bus.StreamRejected, ""}, {"", "", "", ""},
	} {
		if got := redriveCommand(c.webhook, c.reason, c.stream); got != c.want {
			t.Errorf("redriveCommand(%q, %q, %s) = %q, want %q", c.webhook, c.reason, c.stream, got, c.want)
		}
	}
	id := "01a21233-fe37-7be5-909b-881113045bc5"
	for given, want := range map[string]string{id: "hookproof explain " + id, id + "\n": "", id + " x": "", "$(reboot)": "", "": "", fmt.Sprint("{", id, "}"): ""} {
		if got := explainCommand(given); got != want {
			t.Errorf("explainCommand(%q) = %q, want %q", given, got, want)
		}
	}
}

// TestDetached keeps nothing of a long header but the few bytes that are shown of it.
func TestDetached(t *testing.T) {
	header := strings.Repeat("ä", 1<<16)
	got := detached(audit.Entry{Reason: header, Detail: header[:10], ID: header[20:56]})
	if len(got.Reason) > longest+3 || !utf8.ValidString(got.Reason) || got.Detail != header[:10] || got.ID != header[20:56] {
		t.Errorf("detached = %d bytes of reason, %q, %q", len(got.Reason), got.Detail, got.ID)
	}
	for name, text := range map[string]string{"reason": got.Reason, "detail": got.Detail, "id": got.ID} {
		first, of := uintptr(unsafe.Pointer(unsafe.StringData(header))), uintptr(unsafe.Pointer(unsafe.StringData(text)))
		if of >= first && of < first+uintptr(len(header)) {
			t.Errorf("the %s is a part of the header", name)
		}
	}
}
