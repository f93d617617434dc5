package route_test

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/route"
)

func TestRoundTrip(t *testing.T) {
	want := route.Route{Webhook: "orders", MaxBody: 1000, Allowlist: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Rate: 10, Burst: 20}
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := route.Decode(bus.Entry{Key: "orders", Value: b})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Decode(Encode(r)) = %+v, %v; want %+v", got, err, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, value := range []string{``, `nonsense`, `[]`, `{"webhook":"other"}`, `{}`, `{"webhook":"orders","allowlist":["203.0.113.0/33"]}`} {
		if r, err := route.Decode(bus.Entry{Key: "orders", Value: []byte(value)}); err == nil {
			t.Errorf("Decode(%q) = %+v, want an error", value, r)
		}
	}
}
