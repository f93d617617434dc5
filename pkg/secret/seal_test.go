package secret_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/secret"
)

func newKey(t testing.TB) *secret.Key {
	t.Helper()
	k, err := secret.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func seal(t testing.TB, k *secret.Key, webhook string) secret.Ref {
	t.Helper()
	public, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := secret.Seal(public, webhook, secret.New(canary))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestSealed opens what was sealed, and nothing else.
func TestSealed(t *testing.T) {
	k := newKey(t)
	ref := seal(t, k, "orders")
	if strings.Contains(string(ref), "canary") || ref.Check() != nil || ref == seal(t, k, "orders") {
		t.Fatalf("Seal = %q", ref)
	}
	last := len(ref) - 1
	other := byte('A')
	if ref[last-4] == other {
		other = 'B'
	}
	damaged := ref[:last-4] + secret.Ref([]byte{other}) + ref[last-3:]
	for _, c := range []struct {
		name    string
		key     *secret.Key
		ref     secret.Ref
		webhook string
		err     error
	}{
		{"right", k, ref, "orders", nil},
		{"another key", newKey(t), ref, "orders", secret.ErrUnresolved},
		{"no key", nil, ref, "orders", secret.ErrUnresolved},
		{"another webhook", k, ref, "shop", secret.ErrNotAllowed},
		{"damaged", k, damaged, "orders", secret.ErrUnresolved},
		{"cut short", k, ref[:len(ref)-12], "orders", secret.ErrUnresolved},
		{"not base64url", k, ref + "!", "orders", secret.ErrNotAllowed},
		{"sender left out", k, "sealed:" + ref[strings.IndexByte(string(ref), '.'):], "orders", secret.ErrNotAllowed},
	} {
		got, err := secret.Resolver{Key: c.key}.Resolve(c.ref, c.webhook)
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || err == nil && got.Reveal() != canary {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
	}
	for _, text := range []string{"", "fifteen bytes!!", strings.Repeat("x", secret.MaxLength+1)} {
		if _, err := secret.Seal("X", "orders", secret.New(text)); err == nil {
			t.Errorf("Seal of %d bytes succeeded", len(text))
		}
	}
}

// TestLoadOrCreateKey makes a key once, for its owner's eyes, and never over a file that is there.
func TestLoadOrCreateKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pool.xkey")
	if _, err := secret.LoadKey(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("LoadKey of no file = %v", err)
	}
	first, err := secret.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("permissions = %v (%v), want 0600", info.Mode().Perm(), err)
	}
	again, err := secret.LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (secret.Resolver{Key: again}).Resolve(seal(t, first, "orders"), "orders"); err != nil {
		t.Errorf("the second load gave another key: %v", err)
	}
	write(t, path, "damaged")
	if _, err := secret.LoadOrCreateKey(path); err == nil {
		t.Error("a damaged key was replaced")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "damaged" {
		t.Errorf("the file has changed: %q, %v", b, err)
	}
}

// FuzzRef resolves any reference. It must not panic, and only a known form may resolve.
func FuzzRef(f *testing.F) {
	k := newKey(f)
	for _, s := range []string{"env:WEBHOOK_SECRET", "file:x", "sealed:XA.AA", "plain", string(seal(f, k, "orders"))} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref := secret.Ref(s)
		_, err := secret.Resolver{Key: k, Getenv: func(string) (string, bool) { return canary, true }}.Resolve(ref, "orders")
		if err == nil && ref.Check() != nil {
			t.Errorf("%q resolved although Check refuses it", s)
		}
	})
}
