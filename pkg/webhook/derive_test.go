package webhook_test

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/webhook"
)

func TestDefaults(t *testing.T) {
	for kind, scheme := range map[webhook.Kind]string{
		webhook.KindNone: "genesys-webhook", webhook.KindWebhook: "genesys-webhook", webhook.KindOpenMessaging: "genesys-open-messaging",
	} {
		w := webhook.Webhook{Webhook: "w", Kind: kind}
		p, r := w.Policy([]policy.Secret{{Ref: "env:WEBHOOK_SECRET"}}, nil), w.Route(nil)
		if p.Scheme.Name != scheme || time.Duration(p.Tolerance) != 5*time.Minute || p.ReplayOff || p.Allowlist != nil || p.Format != policy.Format {
			t.Errorf("%s: policy = %+v", kind, p)
		}
		if r.MaxBody != 512<<10 || r.Rate != 0 || r.Burst != 0 || r.Webhook != "w" {
			t.Errorf("%s: route = %+v", kind, r)
		}
		if w.Overlap() != 10*time.Minute || w.DisplayName() != "hookproof-w" {
			t.Errorf("%s: overlap %s, name %s", kind, w.Overlap(), w.DisplayName())
		}
	}
}

func TestDerived(t *testing.T) {
	w, err := read(goodDocuments()[2].json, webhook.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := w.Prefixes()
	want := []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("198.51.100.7/32"),
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"),
	}
	if !reflect.DeepEqual(list, want) || !w.Follows() {
		t.Errorf("Prefixes = %v, want %v; Follows = %v", list, want, w.Follows())
	}
	p, r := w.Policy(nil, list), w.Route(list)
	if !p.ReplayOff || time.Duration(p.Tolerance) != 90*time.Second || p.TypeField != "/type" || p.Scheme.Name != "standard-webhooks" || len(p.Allowlist) != 5 {
		t.Errorf("policy = %+v", p)
	}
	if r.MaxBody != 768<<10 || r.Rate != 50 || r.Burst != 100 || len(r.Allowlist) != 5 {
		t.Errorf("route = %+v", r)
	}
	if w.Overlap() != 0 {
		t.Errorf("Overlap = %s, want 0", w.Overlap())
	}
	w.RateLimit.BurstSize = 0
	if r := w.Route(nil); r.Burst != 50 {
		t.Errorf("burst without a size = %d, want the rate", r.Burst)
	}
}

func TestParsePrefixSuggests(t *testing.T) {
	_, err := webhook.ParsePrefix("203.0.113.7/24")
	if want := "bits are set beyond the prefix: write 203.0.113.0/24 for the network or 203.0.113.7 for the address"; err == nil || err.Error() != want {
		t.Errorf("ParsePrefix = %v, want %s", err, want)
	}
}
