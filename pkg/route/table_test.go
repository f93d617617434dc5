package route_test

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/route"
)

var orders = route.Route{Webhook: "orders", MaxBody: 1000, Allowlist: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Rate: 10, Burst: 20}

func put(t *testing.T, b *bus.Bus, r route.Route) {
	t.Helper()
	value, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), bus.BucketRoutes, r.Webhook, value); err != nil {
		t.Fatal(err)
	}
}

// follow runs a table until stop is called, which waits for it.
func follow(t *testing.T, table *route.Table) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- table.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// without is a bus that never gets a connection.
func without(t *testing.T) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(bus.Config{URL: "nats://127.0.0.1:1", Wait: true}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func loaded(table *route.Table) bool {
	select {
	case <-table.Loaded():
		return true
	default:
		return false
	}
}

// TestTableWithoutTheBus has a table read by one process, and changed, and then started without its bus.
func TestTableWithoutTheBus(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	path := filepath.Join(t.TempDir(), "routes.json")
	put(t, b, orders)
	put(t, b, route.Route{Webhook: "gone"})
	first := route.NewTable(b, path, bustest.Log(t))
	if loaded(first) {
		t.Error("a table without a cache is loaded before Run")
	}
	stop := follow(t, first)
	eventually(t, "the first cache", func() bool { return cached(path, `"gone"`) })
	if err := b.Delete(t.Context(), bus.BucketRoutes, "gone"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cache after a change", func() bool { return cached(path, `"orders"`) && !cached(path, `"gone"`) })
	stop()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the cache is %v, %v, want it readable by its owner only", info.Mode(), err)
	}
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}

	second := route.NewTable(without(t), path, bustest.Log(t))
	defer follow(t, second)()
	if !loaded(second) {
		t.Error("a table with a cache is not loaded")
	}
	if got, ok := second.Get("orders"); !ok || !reflect.DeepEqual(got, orders) {
		t.Errorf("Get(orders) = %+v, %t, want %+v", got, ok, orders)
	}
	if _, ok := second.Get("gone"); ok {
		t.Error("Get(gone) is there")
	}
	if err := second.Current(t.Context(), time.Now()); err == nil {
		t.Error("Current without a bus = nil, want an error: the webhook may be new")
	}
}

// TestTableFollowsTheBus holds that what the bus says goes before what the cache says.
func TestTableFollowsTheBus(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	path := filepath.Join(t.TempDir(), "routes.json")
	if err := os.WriteFile(path, []byte(`{"version":1,"routes":{"old":{"webhook":"old"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, b, orders)
	table := route.NewTable(b, path, bustest.Log(t))
	if _, ok := table.Get("old"); !ok {
		t.Error("Get(old) before the bus was read is not there")
	}
	defer follow(t, table)()
	eventually(t, "the routes of the bus", func() bool {
		_, former := table.Get("old")
		_, now := table.Get("orders")
		return !former && now
	})
}

// TestTableLeavesABadCacheAside starts with files that are no cache. They are not believed, said so, and replaced.
func TestTableLeavesABadCacheAside(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	put(t, b, orders)
	for name, text := range map[string]string{
		"empty": "", "torn": `{"version":1,"routes":{"orders":{"webh`, "no JSON": "routes", "of a later version": `{"version":2,"routes":{}}`,
		"another key": `{"version":1,"routes":{"orders":{"webhook":"support"}}}`, "a bad address": `{"version":1,"routes":{"orders":{"webhook":"orders","allowlist":["x"]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "routes.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			table := route.NewTable(b, path, slog.New(slog.NewTextHandler(&log, nil)))
			if loaded(table) {
				t.Error("the table is loaded")
			}
			if !strings.Contains(log.String(), "cannot be read and is left aside") || !strings.Contains(log.String(), path) {
				t.Errorf("log %q, want the file in it", log.String())
			}
			defer follow(t, table)()
			eventually(t, "the cache replaced", func() bool { return cached(path, `"orders"`) && cached(path, `203.0.113.0/24`) })
		})
	}
}

func cached(path, text string) bool {
	raw, err := os.ReadFile(path)
	return err == nil && strings.Contains(string(raw), text)
}
