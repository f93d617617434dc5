package ingress

import (
	"net/netip"
	"strings"
	"testing"
)

// prefixes parses prefixes, and addresses as prefixes of themselves.
func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestClientIP(t *testing.T) {
	one, two := prefixes("10.0.0.1"), prefixes("10.0.0.0/8", "fd00::/8")
	hops := func(n int) string { return strings.Repeat("10.0.0.9,", n) + "10.0.0.9" }
	for _, c := range []struct {
		name      string
		peer      string
		forwarded []string
		trusted   []netip.Prefix
		want      string // empty for no address
	}{
		{"nobody is trusted", "192.0.2.1:1024", []string{"203.0.113.7"}, nil, "192.0.2.1"},
		{"a stranger's header is ignored", "192.0.2.1:1024", []string{"203.0.113.7"}, one, "192.0.2.1"},
		{"a stranger's header of garbage too", "192.0.2.1:1024", []string{"!"}, one, "192.0.2.1"},
		{"one proxy", "10.0.0.1:1024", []string{"203.0.113.7"}, one, "203.0.113.7"},
		{"one proxy, forged entries before", "10.0.0.1:1024", []string{"198.51.100.1, 10.0.0.1, 203.0.113.7"}, one, "203.0.113.7"},
		{"two proxies", "10.0.0.1:1024", []string{"203.0.113.7, 10.0.0.2"}, two, "203.0.113.7"},
		{"two proxies, one trusted", "10.0.0.1:1024", []string{"203.0.113.7, 10.0.0.2"}, one, "10.0.0.2"},
		{"several lines are one list", "10.0.0.1:1024", []string{"198.51.100.1", "203.0.113.7", "10.0.0.2,10.0.0.3"}, two, "203.0.113.7"},
		{"the client in its own line", "10.0.0.1:1024", []string{"203.0.113.7", "10.0.0.2"}, two, "203.0.113.7"},
		{"garbage left of the client is not read", "10.0.0.1:1024", []string{"unknown, 203.0.113.7"}, one, "203.0.113.7"},
		{"blanks and tabs", "10.0.0.1:1024", []string{" 198.51.100.1 ,\t203.0.113.7 "}, one, "203.0.113.7"},
		{"all are trusted", "10.0.0.1:1024", []string{"10.0.0.3, 10.0.0.2"}, two, "10.0.0.3"},
		{"no header", "10.0.0.1:1024", nil, one, "10.0.0.1"},
		{"IPv4-mapped entry", "10.0.0.1:1024", []string{"::ffff:203.0.113.7"}, one, "203.0.113.7"},
		{"IPv4-mapped entry of a proxy", "10.0.0.1:1024", []string{"203.0.113.7, ::ffff:10.0.0.2"}, two, "203.0.113.7"},
		{"IPv4-mapped peer", "[::ffff:10.0.0.1]:1024", []string{"203.0.113.7"}, one, "203.0.113.7"},
		{"IPv4-mapped stranger", "[::ffff:192.0.2.1]:1024", []string{"203.0.113.7"}, one, "192.0.2.1"},
		{"IPv6", "[fd00::1]:1024", []string{"2001:db8::7, fd00::2"}, two, "2001:db8::7"},
		{"IPv6, not canonical", "[fd00::1]:1024", []string{"2001:0DB8:0::7"}, two, "2001:db8::7"},
		{"with a port", "10.0.0.1:1024", []string{"203.0.113.7:4711"}, one, "203.0.113.7"},
		{"[IPv6] with a port", "10.0.0.1:1024", []string{"[2001:db8::7]:443"}, one, "2001:db8::7"},
		{"[IPv6] without a port", "10.0.0.1:1024", []string{"[2001:db8::7]"}, one, "2001:db8::7"},
		{"63 proxies", "10.0.0.1:1024", []string{"203.0.113.7," + hops(61)}, two, "203.0.113.7"},

		{"more hops than are looked at", "10.0.0.1:1024", []string{"203.0.113.7," + hops(64)}, two, ""},
		{"zone", "10.0.0.1:1024", []string{"fe80::1%eth0"}, one, ""},
		{"zone with a port", "10.0.0.1:1024", []string{"[fe80::1%eth0]:80"}, one, ""},
		{"peer with a zone", "[fe80::1%eth0]:1024", nil, one, ""},
		{"[IPv4]", "10.0.0.1:1024", []string{"[203.0.113.7]"}, one, ""},
		{"empty header", "10.0.0.1:1024", []string{""}, one, ""},
		{"empty entry", "10.0.0.1:1024", []string{"203.0.113.7,"}, one, ""},
		{"empty entry between proxies", "10.0.0.1:1024", []string{"203.0.113.7,,10.0.0.2"}, two, ""},
		{"empty line last", "10.0.0.1:1024", []string{"203.0.113.7", ""}, one, ""},
		{"unknown", "10.0.0.1:1024", []string{"unknown"}, one, ""},
		{"obfuscated", "10.0.0.1:1024", []string{"_hidden"}, one, ""},
		{"leading zeros", "10.0.0.1:1024", []string{"203.0.113.007"}, one, ""},
		{"a number", "10.0.0.1:1024", []string{"3405803783"}, one, ""},
		{"a prefix", "10.0.0.1:1024", []string{"203.0.113.0/24"}, one, ""},
		{"quoted", "10.0.0.1:1024", []string{`"203.0.113.7"`}, one, ""},
		{"garbage after a proxy", "10.0.0.1:1024", []string{"203.0.113.7, !, 10.0.0.2"}, two, ""},
		{"peer without a port", "10.0.0.1", []string{"203.0.113.7"}, one, ""},
		{"peer of a Unix socket", "@", nil, one, ""},
		{"no peer", "", nil, one, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want netip.Addr
			if c.want != "" {
				want = netip.MustParseAddr(c.want)
			}
			if got := clientIP(c.peer, c.forwarded, c.trusted); got != want {
				t.Errorf("clientIP(%q, %q, %v) = %v, want %v", c.peer, c.forwarded, c.trusted, got, want)
			}
		})
	}
}

// FuzzClientIP holds what must be true of every header: it never panics; an address comes without zone and unmapped; what a
// stranger writes changes nothing; and what is left of the client changes nothing either.
func FuzzClientIP(f *testing.F) {
	f.Add("10.0.0.1:1", "203.0.113.7, 10.0.0.2", "")
	f.Add("[::ffff:10.0.0.1]:1", "[2001:db8::7]:443", "fe80::1%x")
	f.Add("192.0.2.1:1", ",,", "unknown")
	trusted := prefixes("10.0.0.0/8")
	f.Fuzz(func(t *testing.T, peer, first, second string) {
		got := clientIP(peer, []string{first, second}, trusted)
		if got.Zone() != "" || got.Is4In6() {
			t.Errorf("clientIP(%q, %q, %q) = %v, want no zone and nothing mapped", peer, first, second, got)
		}
		if alone := clientIP(peer, nil, trusted); !contains(trusted, alone) && got != alone {
			t.Errorf("clientIP(%q, %q, %q) = %v, want the peer: it is not trusted", peer, first, second, got)
		}
		if joined := clientIP(peer, []string{first + "," + second}, trusted); joined != got {
			t.Errorf("clientIP(%q, %q, %q) = %v and in one line %v", peer, first, second, got, joined)
		}
		if got.IsValid() && !contains(trusted, got) {
			if forged := clientIP(peer, []string{"198.51.100.1," + first, second}, trusted); forged != got {
				t.Errorf("clientIP(%q, %q, %q) = %v and with a forged entry %v", peer, first, second, got, forged)
			}
		}
	})
}
