package ingress

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/route"
)

var start = time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)

// ask is one request at a time after start, and how long it is told to wait.
type ask struct {
	at   time.Duration
	want time.Duration
}

func TestInsideBudget(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name  string
		rate  float64
		burst int
		asks  []ask
	}{
		{"unlimited", 0, 0, []ask{{0, 0}, {0, 0}, {0, 0}}},
		{"a burst without a rate is no limit", 0, 1, []ask{{0, 0}, {0, 0}}},
		{"two at once, then one a second", 1, 2, []ask{{0, 0}, {0, 0}, {0, s}, {s / 2, s / 2}, {s, 0}, {s, s}}},
		{"no burst is a burst of one", 2, 0, []ask{{0, 0}, {0, s / 2}, {s / 2, 0}}},
		{"what is refused costs nothing", 1, 1, []ask{{0, 0}, {0, s}, {0, s}, {0, s}, {s, 0}}},
		{"below one a second", 0.5, 1, []ask{{0, 0}, {0, 2 * s}, {2 * s, 0}}},
		{"the burst does not grow beyond itself", 1, 2, []ask{{0, 0}, {3600 * s, 0}, {3600 * s, 0}, {3600 * s, s}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBudgets(50, 100)
			for i, a := range c.asks {
				if got := b.inside(route.Route{Webhook: "a", Rate: c.rate, Burst: c.burst}, start.Add(a.at)); got != a.want {
					t.Errorf("request %d, inside at %v = %v, want %v", i, a.at, got, a.want)
				}
			}
		})
	}
}

func TestBudgetOfEachRoute(t *testing.T) {
	b := newBudgets(50, 100)
	a, other := route.Route{Webhook: "a", Rate: 1, Burst: 1}, route.Route{Webhook: "b", Rate: 1, Burst: 1}
	for _, c := range []struct {
		name  string
		route route.Route
		want  time.Duration
	}{
		{"the first of a", a, 0}, {"the second of a", a, time.Second}, {"the first of b", other, 0},
		{"a with a new limit begins anew", route.Route{Webhook: "a", Rate: 10, Burst: 1}, 0},
		{"and has it", route.Route{Webhook: "a", Rate: 10, Burst: 1}, time.Second / 10},
	} {
		if got := b.inside(c.route, start); got != c.want {
			t.Errorf("%s: inside = %v, want %v", c.name, got, c.want)
		}
	}
}

// TestStrangersShare holds that one stranger gets a fifth, and all of them together no more than the whole.
func TestStrangersShare(t *testing.T) {
	b := newBudgets(50, 100)
	granted := func(a netip.Addr, asks int, at time.Time) (n int) {
		for range asks {
			if b.stranger(a, at) == 0 {
				n++
			}
		}
		return n
	}
	if got := granted(netip.MustParseAddr("192.0.2.1"), 1000, start); got != 20 {
		t.Errorf("one stranger at once = %d requests, want a fifth of 100", got)
	}
	if got := granted(netip.MustParseAddr("192.0.2.1"), 1000, start.Add(time.Second)); got != 10 {
		t.Errorf("one stranger a second later = %d requests, want a fifth of 50", got)
	}
	b = newBudgets(50, 100)
	all := 0
	for i := range 200 {
		all += granted(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 20, start)
	}
	if all != 100 {
		t.Errorf("200 strangers at once = %d requests, want 100", all)
	}
	if got := granted(netip.MustParseAddr("203.0.113.1"), 1, start); got != 0 {
		t.Errorf("a new stranger after them = %d requests, want 0", got)
	}
}

// TestOneStrangerCannotUseUpAll holds that what one address is refused is not taken from the others.
func TestOneStrangerCannotUseUpAll(t *testing.T) {
	b := newBudgets(50, 100)
	for range 100_000 {
		b.stranger(netip.MustParseAddr("192.0.2.1"), start)
	}
	if wait := b.stranger(netip.MustParseAddr("192.0.2.2"), start); wait != 0 {
		t.Errorf("another stranger waits %v, want 0", wait)
	}
}

func TestStrangersDoNotStarveInsiders(t *testing.T) {
	b := newBudgets(50, 100)
	r := route.Route{Webhook: "a", Rate: 1, Burst: 1}
	for i := range 10_000 {
		b.stranger(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), start)
	}
	if wait := b.inside(r, start); wait != 0 {
		t.Errorf("an insider waits %v after a flood of strangers, want 0", wait)
	}
	b.inside(r, start)
	if wait := newBudgets(50, 100).stranger(netip.MustParseAddr("192.0.2.1"), start); wait != 0 {
		t.Errorf("a stranger waits %v after insiders, want 0", wait)
	}
}

// TestNetwork holds what counts as one address.
func TestNetwork(t *testing.T) {
	for _, c := range []struct{ a, want string }{
		{"192.0.2.1", "192.0.2.1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"2001:db8:1:2::", "2001:db8:1:2::"},
		{"2001:db8:1:3::1", "2001:db8:1:3::"},
		{"::1", "::"},
	} {
		if got := network(netip.MustParseAddr(c.a)); got != netip.MustParseAddr(c.want) {
			t.Errorf("network(%s) = %s, want %s", c.a, got, c.want)
		}
	}
	if got := network(netip.Addr{}); got.IsValid() {
		t.Errorf("network of no address = %v, want none", got)
	}
}

// TestOneNetworkHasOneBudget holds that the holder of a /64 gains nothing by its many addresses, and that those who cannot
// be told apart share one budget.
func TestOneNetworkHasOneBudget(t *testing.T) {
	for _, c := range []struct {
		name string
		addr func(i int) netip.Addr
		want int
	}{
		{"one /64", func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)) }, 20},
		{"many /64", func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::1", i+1)) }, 100},
		{"no address", func(int) netip.Addr { return netip.Addr{} }, 20},
	} {
		b, got := newBudgets(50, 100), 0
		for i := range 500 {
			if b.stranger(c.addr(i), start) == 0 {
				got++
			}
		}
		if got != c.want {
			t.Errorf("%s: %d requests at once, want %d", c.name, got, c.want)
		}
	}
}

func TestBudgetsAreBounded(t *testing.T) {
	b := newBudgets(1e9, 1e9)
	for i := range maxStrangers + 1000 {
		b.stranger(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), start)
	}
	if got := b.each.Len(); got != maxStrangers {
		t.Errorf("%d strangers are remembered, want %d", got, maxStrangers)
	}
}
