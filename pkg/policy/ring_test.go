package policy_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
)

func environment(name string) (string, bool) {
	return "the secret of " + name, name != "HOOKPROOF_SECRET_GONE"
}

func sample(t *testing.T, secrets ...policy.Secret) policy.Policy {
	t.Helper()
	s, ok := signature.Named(signature.NameGenesysWebhook)
	if !ok {
		t.Fatal("no scheme")
	}
	return policy.Policy{Format: policy.Format, Webhook: "orders", Scheme: s, Secrets: secrets, Tolerance: policy.Duration(time.Minute),
		Allowlist: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, TypeField: "/type"}
}

func encode(t *testing.T, p policy.Policy) []byte {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEncodeDecodeRing(t *testing.T) {
	at := time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC)
	want := sample(t, policy.Secret{Ref: "env:HOOKPROOF_SECRET_A"}, policy.Secret{Ref: "env:HOOKPROOF_SECRET_B", NotAfter: at.Add(time.Hour)})
	r := policy.Decode(bus.Entry{Key: "orders", Value: encode(t, want), Revision: 7}, secret.Resolver{Getenv: environment})
	if r.Err != nil || !reflect.DeepEqual(r.Policy, want) || r.Revision != 7 || len(r.Keys) != 2 {
		t.Fatalf("Decode = %+v, %d keys, revision %d, %v", r.Policy, len(r.Keys), r.Revision, r.Err)
	}
	if !r.Keys[0].NotAfter.IsZero() || !r.Keys[1].NotAfter.Equal(at.Add(time.Hour)) {
		t.Errorf("the keys end at %v and %v", r.Keys[0].NotAfter, r.Keys[1].NotAfter)
	}
}

// TestDecodeUnusable says in the ring why a policy cannot be used; what it governs is parked.
func TestDecodeUnusable(t *testing.T) {
	gone := policy.Secret{Ref: "env:HOOKPROOF_SECRET_GONE"}
	bad := sample(t)
	bad.Scheme.Encoding = "base32"
	base64Secret := sample(t, policy.Secret{Ref: "env:HOOKPROOF_SECRET_A"})
	base64Secret.Scheme.Base64Secret = true
	for _, c := range []struct {
		name  string
		value []byte
		want  error
	}{
		{"not JSON", []byte("nonsense"), policy.ErrFormat},
		{"a newer format", []byte(`{"format":2}`), policy.ErrFormat},
		{"no format", []byte(`{}`), policy.ErrFormat},
		{"a scheme that is none", encode(t, bad), policy.ErrFormat},
		{"current secret gone", encode(t, sample(t, gone)), secret.ErrUnresolved},
		{"secret outside", encode(t, sample(t, policy.Secret{Ref: "env:NATS_PASSWORD"})), secret.ErrNotAllowed},
		{"secret not in the scheme's form", encode(t, base64Secret), signature.ErrSecretForm},
	} {
		r := policy.Decode(bus.Entry{Key: "orders", Value: c.value}, secret.Resolver{Getenv: environment})
		if !errors.Is(r.Err, c.want) {
			t.Errorf("%s: Err = %v, want %v", c.name, r.Err, c.want)
		}
	}
	old := gone
	old.NotAfter = time.Now().Add(time.Hour)
	r := policy.Decode(bus.Entry{Key: "orders", Value: encode(t, sample(t, policy.Secret{Ref: "env:HOOKPROOF_SECRET_A"}, old))}, secret.Resolver{Getenv: environment})
	if r.Err != nil || len(r.Keys) != 2 || r.Keys[0].Err != nil || !errors.Is(r.Keys[1].Err, secret.ErrUnresolved) {
		t.Errorf("an old secret that is gone: Err = %v, keys %v; want it in its key only", r.Err, r.Keys)
	}
}

func TestKeyValid(t *testing.T) {
	at := time.Now()
	for _, c := range []struct {
		name   string
		key    policy.Key
		t      time.Time
		expect bool
	}{
		{"no end", policy.Key{}, at, true},
		{"before the end", policy.Key{NotAfter: at}, at.Add(-1), true},
		{"at the end", policy.Key{NotAfter: at}, at, false},
		{"before the end, elsewhere", policy.Key{NotAfter: at}, at.Add(-1).In(time.FixedZone("elsewhere", 5*3600)), true},
		{"at the end, elsewhere", policy.Key{NotAfter: at}, at.In(time.FixedZone("elsewhere", 5*3600)), false},
	} {
		if got := c.key.Valid(c.t); got != c.expect {
			t.Errorf("%s: Valid = %v, want %v", c.name, got, c.expect)
		}
	}
}

func TestAllowedAddresses(t *testing.T) {
	list := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("fe80::/10")}
	for text, want := range map[string]bool{
		"203.0.113.45": true, "::ffff:203.0.113.45": true, "203.0.114.1": false, "2001:db8::1": true, "2001:db9::1": false,
		"fe80::1": true, "fe80::1%eth0": false, "::": false,
	} {
		if got := policy.Allowed(list, netip.MustParseAddr(text)); got != want {
			t.Errorf("Allowed(%s) = %v, want %v", text, got, want)
		}
	}
	if policy.Allowed(list, netip.Addr{}) || !policy.Allowed(nil, netip.Addr{}) {
		t.Error("no address is in no list, and in every list that is empty")
	}
}

func TestRotatedSecrets(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := func(ref secret.Ref, until time.Duration) policy.Secret {
		out := policy.Secret{Ref: ref}
		if until != 0 {
			out.NotAfter = now.Add(until)
		}
		return out
	}
	for _, c := range []struct {
		name       string
		have, want []policy.Secret
		next       secret.Ref
	}{
		{"first", nil, []policy.Secret{s("a", 0)}, "a"},
		{"the same", []policy.Secret{s("a", 0)}, []policy.Secret{s("a", 0)}, "a"},
		{"another", []policy.Secret{s("a", 0)}, []policy.Secret{s("b", 0), s("a", time.Hour)}, "b"},
		{"a third in the overlap", []policy.Secret{s("b", 0), s("a", time.Minute)}, []policy.Secret{s("c", 0), s("b", time.Hour), s("a", time.Minute)}, "c"},
		{"one that ended stays for what waits", []policy.Secret{s("b", 0), s("a", -time.Second)}, []policy.Secret{s("b", 0), s("a", -time.Second)}, "b"},
		{"until it is forgotten", []policy.Secret{s("b", 0), s("a", -policy.EndedMemory)}, []policy.Secret{s("b", 0)}, "b"},
		{"back to one that ended", []policy.Secret{s("b", 0), s("a", -time.Second)}, []policy.Secret{s("a", 0), s("b", time.Hour)}, "a"},
		{"back to the old one", []policy.Secret{s("b", 0), s("a", time.Minute)}, []policy.Secret{s("a", 0), s("b", time.Hour)}, "a"},
	} {
		if got := policy.Rotated(c.have, c.next, time.Hour, now); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: Rotated = %v, want %v", c.name, got, c.want)
		}
	}
}

// file writes a secret to a file and returns its path.
func file(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "s"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
