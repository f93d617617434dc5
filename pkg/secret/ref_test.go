package secret_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/secret"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestResolve resolves references that may be resolved and those that must not.
func TestResolve(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write(t, filepath.Join(outside, "other"), canary)
	write(t, filepath.Join(dir, "plain"), canary)
	write(t, filepath.Join(dir, "newline"), canary+"\n")
	write(t, filepath.Join(dir, "windows"), canary+"\r\n")
	write(t, filepath.Join(dir, "inner newline"), canary+"\n"+canary)
	write(t, filepath.Join(dir, "short"), "fifteen bytes!!")
	write(t, filepath.Join(dir, "huge"), strings.Repeat("x", secret.MaxLength+1))
	for name, target := range map[string]string{"inside": "plain", "outside": filepath.Join(outside, "other"), "above": "../" + filepath.Base(outside) + "/other"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"WEBHOOK_SECRET": canary, "HOOKPROOF_SECRET_A": canary, "HOOKPROOF_SECRET_DIR": canary, "HOOKPROOF_SECRET_EMPTY": "",
		"GENESYS_CLIENT_SECRET": canary, "NATS_PASSWORD": canary, "HOOKPROOF_SECRET_SHORT": "canary"}
	r := secret.Resolver{Dir: dir, Getenv: func(n string) (string, bool) { v, ok := env[n]; return v, ok }}
	for _, c := range []struct {
		ref  secret.Ref
		want string // the secret
		err  error
	}{
		{ref: "env:WEBHOOK_SECRET", want: canary},
		{ref: "env:HOOKPROOF_SECRET_A", want: canary},
		{ref: "env:HOOKPROOF_SECRET_ABSENT", err: secret.ErrUnresolved},
		{ref: "env:HOOKPROOF_SECRET_EMPTY", err: secret.ErrUnresolved},
		{ref: "env:HOOKPROOF_SECRET_SHORT", err: secret.ErrUnresolved},
		{ref: "env:HOOKPROOF_SECRET_DIR", err: secret.ErrNotAllowed},
		{ref: "env:HOOKPROOF_SECRET_", err: secret.ErrNotAllowed},
		{ref: "env:HOOKPROOF_SECRET_A B", err: secret.ErrNotAllowed},
		{ref: "env:GENESYS_CLIENT_SECRET", err: secret.ErrNotAllowed},
		{ref: "env:NATS_PASSWORD", err: secret.ErrNotAllowed},
		{ref: "env:webhook_secret", err: secret.ErrNotAllowed},
		{ref: "env:", err: secret.ErrNotAllowed},
		{ref: "file:plain", want: canary},
		{ref: "file:newline", want: canary},
		{ref: "file:windows", want: canary},
		{ref: "file:inner newline", want: canary + "\n" + canary},
		{ref: "file:inside", want: canary},
		{ref: secret.Ref("file:" + filepath.Join(dir, "plain")), want: canary},
		{ref: "file:outside", err: secret.ErrUnresolved},
		{ref: "file:above", err: secret.ErrUnresolved},
		{ref: "file:absent", err: secret.ErrUnresolved},
		{ref: "file:.", err: secret.ErrUnresolved},
		{ref: "file:short", err: secret.ErrUnresolved},
		{ref: "file:huge", err: secret.ErrUnresolved},
		{ref: "file:", err: secret.ErrNotAllowed},
		{ref: "file:../other", err: secret.ErrNotAllowed},
		{ref: "file:a/../../other", err: secret.ErrNotAllowed},
		{ref: "file:plain\x00", err: secret.ErrNotAllowed},
		{ref: secret.Ref("file:" + filepath.Join(outside, "other")), err: secret.ErrNotAllowed},
		{ref: "file:/etc/passwd", err: secret.ErrNotAllowed},
		{ref: "sealed:nonsense", err: secret.ErrNotAllowed},
		{ref: "sealed:", err: secret.ErrNotAllowed},
		{ref: canary, err: secret.ErrPlain},
		{ref: "", err: secret.ErrPlain},
		{ref: "ENV:WEBHOOK_SECRET", err: secret.ErrPlain},
	} {
		got, err := r.Resolve(c.ref, "orders")
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || got.Reveal() != c.want {
			t.Errorf("Resolve(%q) = %d bytes, %v; want %d bytes, %v", c.ref, got.Len(), err, len(c.want), c.err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("Resolve(%q): the error holds the secret: %v", c.ref, err)
		}
	}
}

// TestResolveNothing shows that the zero Resolver reaches nothing.
func TestResolveNothing(t *testing.T) {
	sealed := seal(t, newKey(t), "orders")
	for _, ref := range []secret.Ref{"env:WEBHOOK_SECRET", "file:plain", sealed} {
		if _, err := (secret.Resolver{}).Resolve(ref, "orders"); !errors.Is(err, secret.ErrUnresolved) {
			t.Errorf("Resolve(%.20q) = %v, want ErrUnresolved", ref, err)
		}
	}
}
