package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ParsePrefix reads an entry of an allowlist: a CIDR or a single address. IPv4 written as IPv6 (::ffff:203.0.113.7) becomes
// IPv4, because requests are compared so. Zones, host bits and a prefix of every address are refused.
func ParsePrefix(text string) (netip.Prefix, error) {
	switch {
	case strings.Contains(text, "%"):
		return netip.Prefix{}, errors.New("an address with a zone belongs to one link and cannot be allowed")
	case !strings.Contains(text, "/"):
		a, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("%.64q is neither an address nor a CIDR", text)
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%.64q is not a CIDR", text)
	}
	return normal(p)
}

func normal(p netip.Prefix) (netip.Prefix, error) {
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, errors.New("an IPv4-mapped prefix shorter than /96 would never match: write IPv4 prefixes as IPv4")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	switch {
	case p.Bits() == 0:
		return netip.Prefix{}, errors.New("it is every address: leave the allowlist out to allow every address")
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("bits are set beyond the prefix: write %s for the network or %s for the address",
			p.Masked(), p.Addr())
	}
	return p, nil
}

// Prefixes returns the addresses that the allowlist names itself, sorted and each once; Follows tells whether there are
// more. Entries that Check refuses are left out.
func (w Webhook) Prefixes() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range w.Allowlist {
		if p, err := ParsePrefix(text); err == nil {
			list = append(list, p)
		}
	}
	return SortPrefixes(list)
}

// Follows reports whether the allowlist follows the addresses that Genesys Cloud publishes for Open Messaging.
func (w Webhook) Follows() bool { return slices.Contains(w.Allowlist, FollowOpenMessaging) }

// SortPrefixes sorts a list in place and returns it with each prefix once, so that equal lists are stored alike.
func SortPrefixes(list []netip.Prefix) []netip.Prefix {
	slices.SortFunc(list, netip.Prefix.Compare)
	return slices.Compact(list)
}

// maxAllowlist bounds the entries: each is compared with the address of each request.
const maxAllowlist = 1024

func (w Webhook) checkAllowlist(bad *FieldErrors) {
	switch {
	case w.Allowlist != nil && len(w.Allowlist) == 0:
		bad.add("allowlist", "is empty: leave it out to allow every address, or name the sender's")
	case len(w.Allowlist) > maxAllowlist:
		bad.add("allowlist", "has %d entries, at most %d are accepted", len(w.Allowlist), maxAllowlist)
	}
	for i, text := range w.Allowlist {
		if text == FollowOpenMessaging {
			continue
		}
		if _, err := ParsePrefix(text); err != nil {
			bad.add(fmt.Sprintf("allowlist[%d]", i), "%v", err)
		}
	}
}
