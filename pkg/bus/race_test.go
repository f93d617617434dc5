package bus_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// behindSlowReads connects to srv through a prefix of the JetStream API that holds the answers to reads of a key back. Each
// one that it holds is announced on held, and sent once release is received from.
func behindSlowReads(t *testing.T, srv *bus.Server) (b *bus.Bus, held <-chan struct{}, release chan<- struct{}) {
	t.Helper()
	nc := connect(t, srv.URL())
	h, r := make(chan struct{}), make(chan struct{})
	_, err := nc.Subscribe("SLOW.API.>", func(m *nats.Msg) {
		answer, err := nc.Request("$JS"+m.Subject[len("SLOW"):], m.Data, patience)
		if err != nil {
			t.Errorf("forward %s: %v", m.Subject, err)
			return
		}
		if !bytes.Contains(m.Data, []byte("last_by_subj")) {
			_ = m.Respond(answer.Data)
			return
		}
		go func() {
			h <- struct{}{}
			<-r
			_ = m.Respond(answer.Data)
		}()
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	b, err = bus.Connect(bus.Config{InProcess: srv, APIPrefix: "SLOW.API"}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b, h, r
}

// What a Refresh reads may be old by the time that it arrives, and must not undo what the mirror has seen meanwhile.
func TestMirrorRefreshDoesNotUndoWhatCameMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name           string
		before, during func(t *testing.T, b *bus.Bus)
		want           string // empty: no value
	}{
		{"not found, stored meanwhile", func(*testing.T, *bus.Bus) {}, storeNew, "new"},
		{"found, changed meanwhile", storeOld, storeNew, "new"},
		{"found, deleted meanwhile", storeOld, remove, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m *bus.Mirror[string]
			if err := decide(func() error { // anew when the answer was held for too long
				b, srv := bustest.New(t, bus.Topology{})
				slow, held, release := behindSlowReads(t, srv)
				m = mirror(slow)
				tt.before(t, b)
				refreshed := make(chan error, 1)
				go func() { refreshed <- m.Refresh(context.Background(), "genesys") }()
				receive(t, held, "the read")
				tt.during(t, b)
				current := m.Current(t.Context(), time.Now())
				close(release)
				return errors.Join(current, receive(t, refreshed, "the end of Refresh"))
			}); err != nil {
				t.Fatal(err)
			}
			if v, ok := m.Get("genesys"); v != tt.want || ok != (tt.want != "") {
				t.Errorf("Get after a late Refresh = %q, %v, want %q", v, ok, tt.want)
			}
			if n := len(m.All()); n != len(m.Keys()) || (n == 1) != (tt.want != "") {
				t.Errorf("All() = %v, Keys() = %q, want %q", m.All(), m.Keys(), tt.want)
			}
		})
	}
}

func storeOld(t *testing.T, b *bus.Bus) { put(t, b, "genesys", "old") }
func storeNew(t *testing.T, b *bus.Bus) { put(t, b, "genesys", "new") }
func remove(t *testing.T, b *bus.Bus) {
	t.Helper()
	if err := b.Delete(t.Context(), bus.BucketRoutes, "genesys"); err != nil {
		t.Fatal(err)
	}
}
