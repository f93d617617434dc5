package ingress

import (
	"net/netip"
	"strings"
)

// maxHops bounds how many entries of X-Forwarded-For are looked at.
const maxHops = 64

// clientIP resolves who sent a request: the TCP peer, or, when the peer is a trusted proxy, the right-most hop over all
// lines of X-Forwarded-For that is not one. Where every hop is a trusted proxy it is the first of them. The zero Addr means
// that there is no address to rely on: a malformed entry, or one with a zone. IPv4-mapped addresses are unmapped.
func clientIP(remoteAddr string, forwardedFor []string, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client, ok := clean(peer.Addr())
	if !ok {
		return netip.Addr{}
	}
	hops := 0
	for i := len(forwardedFor) - 1; i >= 0; i-- {
		rest := forwardedFor[i]
		for more := true; more; hops++ {
			if !contains(trusted, client) {
				return client
			}
			var entry string
			if rest, entry, more = cutLast(rest); hops >= maxHops {
				return netip.Addr{}
			}
			if client, ok = parseHop(entry); !ok {
				return netip.Addr{}
			}
		}
	}
	return client
}

// cutLast cuts the last entry off a comma-separated list; more is false for the first and only one.
func cutLast(list string) (rest, entry string, more bool) {
	i := strings.LastIndexByte(list, ',')
	return list[:max(i, 0)], strings.Trim(list[i+1:], " \t"), i >= 0
}

// parseHop reads an entry of X-Forwarded-For: an address, with or without a port.
func parseHop(entry string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(entry); err == nil {
		return clean(a)
	}
	if ap, err := netip.ParseAddrPort(entry); err == nil {
		return clean(ap.Addr())
	}
	if inner, ok := strings.CutPrefix(entry, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			if a, err := netip.ParseAddr(inner); err == nil && a.Is6() {
				return clean(a)
			}
		}
	}
	return netip.Addr{}, false
}

// clean unmaps an address and refuses one with a zone.
func clean(a netip.Addr) (netip.Addr, bool) {
	a = a.Unmap()
	return a, a.IsValid() && a.Zone() == ""
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
