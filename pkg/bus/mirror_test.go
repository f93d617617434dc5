package bus_test

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

func text(e bus.Entry) (string, error) {
	if string(e.Value) == "undecodable" {
		return "", errors.New("undecodable")
	}
	return string(e.Value), nil
}

func mirror(b *bus.Bus) *bus.Mirror[string] {
	return bus.NewMirror(b, bus.BucketRoutes, text, slog.New(slog.DiscardHandler))
}

func put(t testing.TB, b *bus.Bus, key, value string) {
	t.Helper()
	if _, err := b.Put(t.Context(), bus.BucketRoutes, key, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

// holds waits until the mirror holds exactly want.
func holds(t testing.TB, m *bus.Mirror[string], want map[string]string) {
	t.Helper()
	var got map[string]string
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if got = m.All(); maps.Equal(got, want) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("All() = %v after %s, want %v", got, patience, want)
		}
	}
	if keys := slices.Sorted(slices.Values(m.Keys())); !slices.Equal(keys, slices.Sorted(maps.Keys(want))) {
		t.Errorf("Keys() = %q, want those of %v", keys, want)
	}
}

func TestMirrorFollows(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	put(t, b, "old", "1")
	m := mirror(b)
	if _, ok := m.Get("old"); ok {
		t.Error("Get before Run = true, want an empty mirror")
	}
	run(t, m.Run)
	receive(t, m.Loaded(), "that the mirror is loaded")
	if v, ok := m.Get("old"); !ok || v != "1" {
		t.Errorf("Get(%q) once loaded = %q, %v, want %q", "old", v, ok, "1")
	}
	remove := func(key string) {
		t.Helper()
		if err := b.Delete(t.Context(), bus.BucketRoutes, key); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name string
		do   func()
		want map[string]string
	}{
		{"a new key", func() { put(t, b, "new", "2") }, map[string]string{"old": "1", "new": "2"}},
		{"a change", func() { put(t, b, "old", "3") }, map[string]string{"old": "3", "new": "2"}},
		{"a deletion", func() { remove("old") }, map[string]string{"new": "2"}},
		{"a deleted key again", func() { put(t, b, "old", "4") }, map[string]string{"old": "4", "new": "2"}},
		{"undecodable, a marker after it", func() { put(t, b, "new", "undecodable"); put(t, b, "mark", "5") },
			map[string]string{"old": "4", "new": "2", "mark": "5"}},
		{"decodable again", func() { put(t, b, "new", "6") }, map[string]string{"old": "4", "new": "6", "mark": "5"}},
		{"undecodable, then deleted", func() { put(t, b, "new", "undecodable"); remove("new") }, map[string]string{"old": "4", "mark": "5"}},
	} {
		step.do()
		t.Log(step.name)
		holds(t, m, step.want)
	}
	if v, ok := m.Get("new"); ok || v != "" {
		t.Errorf("Get of a deleted key = %q, %v, want none", v, ok)
	}
}

// TestMirrorAsksOften holds that a change is seen within a second. A busy machine makes single pauses between two questions
// longer, and none shorter.
func TestMirrorAsksOften(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	asked := make(chan time.Time, 100)
	stop, err := bustest.Connect(t, srv).Listen("$JS.API.STREAM.INFO.KV_"+bus.BucketRoutes, func(*nats.Msg) { asked <- time.Now() })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	run(t, mirror(b).Run)
	const questions = 10
	shortest, last := patience, receive(t, asked, "the first question")
	for range questions {
		next := receive(t, asked, "the next question")
		shortest, last = min(shortest, next.Sub(last)), next
	}
	if shortest > time.Second/2 {
		t.Errorf("the shortest of %d pauses between two questions is %s, want half a second or less", questions, shortest)
	}
}

func TestMirrorRefreshReadsWithoutRun(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	m := mirror(b)
	for _, step := range []struct {
		name, value string // an empty value deletes
		want        map[string]string
	}{
		{"a new key", "1", map[string]string{"genesys": "1"}},
		{"a change", "2", map[string]string{"genesys": "2"}},
		{"undecodable", "undecodable", map[string]string{"genesys": "2"}},
		{"a deletion", "", map[string]string{}},
		{"put again", "3", map[string]string{"genesys": "3"}},
	} {
		if step.value != "" {
			put(t, b, "genesys", step.value)
		} else if err := b.Delete(t.Context(), bus.BucketRoutes, "genesys"); err != nil {
			t.Fatal(err)
		}
		if err := m.Refresh(t.Context(), "genesys"); err != nil {
			t.Errorf("%s: Refresh = %v", step.name, err)
		}
		if got := m.All(); !maps.Equal(got, step.want) {
			t.Errorf("%s: All() after Refresh = %v, want %v", step.name, got, step.want)
		}
	}
	if err := m.Refresh(t.Context(), "nobody"); err != nil || len(m.All()) != 1 {
		t.Errorf("Refresh of a key that never was = %v, All() = %v", err, m.All())
	}
}

func TestMirrorCurrent(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	m := mirror(b)
	for i, value := range []string{"1", "2", "3"} {
		put(t, b, "genesys", value)
		if err := m.Current(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if v, _ := m.Get("genesys"); v != value {
			t.Errorf("Get after Current %d = %q, want %q", i, v, value)
		}
	}
}

func TestMirrorOfABucketMadeAnew(t *testing.T) {
	b, srv := bustest.New(t, bus.Topology{})
	js := native(t, srv)
	for _, key := range []string{"a", "b", "c"} {
		put(t, b, key, "former")
	}
	m := mirror(b)
	run(t, m.Run)
	holds(t, m, map[string]string{"a": "former", "b": "former", "c": "former"})
	if err := js.DeleteStream(t.Context(), "KV_"+bus.BucketRoutes); err != nil {
		t.Fatal(err)
	}
	if err := b.Setup(t.Context(), bus.Topology{}, srv); err != nil {
		t.Fatal(err)
	}
	put(t, b, "a", "latter") // a lower revision than the mirror has of it
	holds(t, m, map[string]string{"a": "latter"})
	put(t, b, "b", "latter")
	holds(t, m, map[string]string{"a": "latter", "b": "latter"})
}

// TestMirrorTellsOfChanges holds that each change is told, and that what has not changed is not.
func TestMirrorTellsOfChanges(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	m := mirror(b)
	told := func(what string, want bool) {
		t.Helper()
		if err := m.Current(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		select {
		case <-m.Changed():
			if !want {
				t.Errorf("%s: told of a change", what)
			}
		default:
			if want {
				t.Errorf("%s: not told", what)
			}
		}
	}
	told("the first reading, of an empty bucket", true)
	told("nothing new", false)
	put(t, b, "a", "1")
	put(t, b, "b", "1")
	told("two keys", true)
	told("nothing new", false)
	if err := b.Delete(t.Context(), bus.BucketRoutes, "a"); err != nil {
		t.Fatal(err)
	}
	told("a key deleted", true)
	told("nothing new", false)
}
