package ingress_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
)

// last returns the sequence of the newest message on UNVERIFIED.
func (r *rig) last() uint64 {
	r.t.Helper()
	state, err := r.bus.State(context.Background(), bus.StreamUnverified, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return state.LastSequence
}

// storedSince tells what came to UNVERIFIED, which must have these ids, and headers of nobody else's choice.
func (r *rig) storedSince(t *testing.T, sequence uint64, ids []string) string {
	t.Helper()
	var told strings.Builder
	var got []string
	for {
		m, err := r.bus.Next(t.Context(), bus.StreamUnverified, "unverified.*", sequence+1)
		if errors.Is(err, bus.ErrNotFound) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := event.Decode(natsMsg(m))
		if err != nil {
			t.Fatal(err)
		}
		sequence, got = m.Sequence, append(got, e.ID)
		fmt.Fprintf(&told, "%s %q from %s\n", m.Subject, e.Path, e.ClientIP)
		for _, name := range slices.Sorted(maps.Keys(m.Header)) {
			switch {
			case strings.HasPrefix(name, "Http-"):
				for _, v := range m.Header[name] {
					fmt.Fprintf(&told, "%s: %s\n", name, digest(v))
				}
			case !strings.HasPrefix(name, "Hookproof-") && name != "Nats-Msg-Id":
				t.Errorf("header %s = %q, want nothing of the sender's without the prefix", name, m.Header[name])
			}
		}
		fmt.Fprintf(&told, "%s\n", digest(string(m.Data)))
	}
	if !slices.Equal(got, ids) {
		t.Errorf("stored are the ids %q, and the sender was told %q", got, ids)
	}
	return told.String()
}

// digest quotes a text, or tells how a long one differs from others.
func digest(s string) string {
	if len(s) <= 200 {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%d bytes with the SHA-256 %x", len(s), sha256.Sum256([]byte(s)))
}
