package bus_test

import (
	"errors"
	"testing"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

func TestReadOne(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	for _, m := range []string{"a", "b", "a"} {
		publish(t, b, "unverified."+m, "", m)
	}
	for _, c := range []struct {
		name, subject string
		from, want    uint64 // 0: nothing is found
	}{
		{"the first", "unverified.*", 1, 1},
		{"one subject", "unverified.b", 1, 2},
		{"from a sequence on", "unverified.a", 2, 3},
		{"past the last", "unverified.*", 4, 0},
		{"no such subject", "unverified.c", 1, 0},
	} {
		s, err := b.Next(t.Context(), bus.StreamUnverified, c.subject, c.from)
		if s.Sequence != c.want || (c.want == 0) != errors.Is(err, bus.ErrNotFound) {
			t.Errorf("%s: Next = %d, %v, want %d", c.name, s.Sequence, err, c.want)
		}
	}
	if s, err := b.Message(t.Context(), bus.StreamUnverified, 2); err != nil || s.Subject != "unverified.b" || string(s.Data) != "b" {
		t.Errorf("Message(2) = %s %q, %v, want unverified.b", s.Subject, s.Data, err)
	}
	if _, err := b.Message(t.Context(), bus.StreamUnverified, 9); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("Message(9) = %v, want ErrNotFound", err)
	}
}

func TestRevision(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	first, err := b.Put(t.Context(), bus.BucketPolicies, "a", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), bus.BucketPolicies, "a", []byte("2")); err != nil {
		t.Fatal(err)
	}
	if e, err := b.Revision(t.Context(), bus.BucketPolicies, "a", first); err != nil || string(e.Value) != "1" || e.Key != "a" || e.Revision != first {
		t.Errorf("Revision = %+v, %v, want the first value", e, err)
	}
	if _, err := b.Revision(t.Context(), bus.BucketPolicies, "b", first); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("Revision of another key = %v, want ErrNotFound", err)
	}
}
