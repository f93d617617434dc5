package genesys

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
)

// ServiceOpenMessaging is the service whose outbound addresses deliver Open Messaging events.
const ServiceOpenMessaging = "open-messaging"

// ipRanges is the answer of GET /api/v2/ipranges. It has no pages.
type ipRanges struct {
	Entities []ipRange `json:"entities"`
}

type ipRange struct {
	CIDR      string `json:"cidr"`
	Service   string `json:"service"`
	Region    string `json:"region"`
	Direction string `json:"direction"`
}

// IPRanges returns the addresses from which a service of the region sends, sorted and without duplicates; see
// https://developer.genesys.cloud/platform/api/ip-addresses. The customers of a region share them, so they are no proof of
// who sent something. The list is never empty: an answer without one usable entry, or with one that is no CIDR or covers
// every address, is an error that wraps ErrMalformed. Any token may ask.
func (c *Client) IPRanges(ctx context.Context, service string) ([]netip.Prefix, error) {
	op := operation{name: "IPRanges", method: http.MethodGet, path: "/api/v2/ipranges", repeatable: true}
	answer, err := fetch(ctx, c, call{operation: op}, func(r ipRanges) bool { return len(r.Entities) > 0 })
	if err != nil {
		return nil, err
	}
	prefixes, err := answer.outbound(service)
	if err != nil {
		return nil, &Error{Op: op.name, Status: http.StatusOK, repeatable: true, cause: err}
	}
	return prefixes, nil
}

func (r ipRanges) outbound(service string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, e := range r.Entities {
		if e.Service != service || e.Direction != "outbound" && e.Direction != "both" && e.Direction != "" {
			continue
		}
		p, err := netip.ParsePrefix(e.CIDR)
		if err != nil || p.Bits() == 0 || p.Addr().Is4In6() {
			return nil, malformed("%.64q is not a usable CIDR", e.CIDR)
		}
		all = append(all, p.Masked())
	}
	if len(all) == 0 {
		return nil, malformed("no address range for the service %.64q", service)
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return slices.Compact(all), nil
}
