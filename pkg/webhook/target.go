package webhook

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// checkTarget reports a target URI that Genesys Cloud could not, or should not, be made to send to. No problem repeats the
// URI, which may hold a credential. Names are judged as they are written and not looked up: what they stand for may change.
func (w Webhook) checkTarget(o Options, bad *FieldErrors) {
	const field = "targetUri"
	if w.TargetURI == "" {
		if w.Kind == KindWebhook || w.Kind == KindOpenMessaging {
			bad.add(field, "is needed for the kind %s: the https address under which the ingress is reached", w.Kind)
		}
		return
	}
	u, err := url.Parse(w.TargetURI)
	if err != nil || u.Hostname() == "" || u.Opaque != "" || len(w.TargetURI) > 2048 {
		bad.add(field, "is not a URI with a host, such as https://hooks.example.com/webhooks/%s", w.Webhook)
		return
	}
	private := isPrivate(u.Hostname())
	switch {
	case private && !o.AllowPrivateTargets:
		bad.add(field, "its host is loopback, private or link-local, where Genesys Cloud cannot send to")
	case u.Scheme != "https" && !(u.Scheme == "http" && private):
		bad.add(field, "the scheme has to be https")
	case u.User != nil:
		bad.add(field, "must not hold a user or password")
	case strings.Contains(w.TargetURI, "#"):
		bad.add(field, "must not have a fragment")
	case w.Kind == KindOpenMessaging && !private && u.Port() != "" && u.Port() != "443":
		bad.add(field, "Open Messaging sends to port 443 only")
	}
}

// isPrivate reports whether a host is written as an address or name that the internet cannot reach.
func isPrivate(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Zone() != "" || privateAddr(a.Unmap())
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	// 127.1 and 0x7f000001 are addresses for many resolvers.
	numeric := last == "" || strings.HasPrefix(last, "0x") || strings.Trim(last, "0123456789") == ""
	return numeric || len(labels) == 1 || slices.Contains([]string{"localhost", "local", "internal", "lan", "home", "localdomain"}, last)
}

func privateAddr(a netip.Addr) bool {
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() ||
		slices.ContainsFunc(reserved(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// reserved are ranges of the IANA special-purpose registries that netip has no method for.
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"), // shared by carriers, RFC 6598
		netip.MustParsePrefix("198.18.0.0/15"), // benchmarks, RFC 2544
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("64:ff9b::/96"), // IPv4 behind a translator, RFC 6052
		netip.MustParsePrefix("64:ff9b:1::/48"),
	}
}
