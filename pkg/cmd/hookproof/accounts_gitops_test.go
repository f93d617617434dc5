package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAccountsLetOperatorsApplyDirectories compares, applies and prunes with an operator's rights in production: it may
// publish config messages, follow their statuses and read the bucket webhooks, and the server refuses it nothing of that.
func TestAccountsLetOperatorsApplyDirectories(t *testing.T) {
	a := startAccounts(t, nil)
	a.awaitReady(a.startRoles())
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	apply := func(c applyCmd) (string, error) {
		var out bytes.Buffer
		p := a.process()
		p.stdout = &out
		c.natsFlags, c.File, c.Wait = a.flags("operator", "HOOKS.API"), []string{dir}, 30*time.Second
		err := c.Run(t.Context(), p)
		return out.String(), err
	}
	write("a.yaml", "webhook: orders\nkind: none\nsecret: env:WEBHOOK_SECRET\n")
	write("b.yaml", "webhook: stock\nstate: absent\n")
	if out, err := apply(applyCmd{DryRun: true}); !errors.Is(err, errChanges) || !strings.Contains(out, "+++ "+filepath.Join(dir, "a.yaml")+":1\n+kind: none\n") ||
		!strings.Contains(out, "stock: unchanged: absent\n") {
		t.Errorf("dry run = %q, %v, want orders to be new", out, err)
	}
	if out, err := apply(applyCmd{}); err != nil || !strings.Contains(out, "orders: live\n") || !strings.Contains(out, "stock: removed\n") {
		t.Errorf("apply = %q, %v, want orders live", out, err)
	}
	if out, err := apply(applyCmd{DryRun: true, Prune: true}); err != nil {
		t.Errorf("dry run of what is live = %q, %v, want no change", out, err)
	}
	write("a.yaml", "webhook: stock\nstate: absent\n")
	if err := os.Remove(filepath.Join(dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	if out, err := apply(applyCmd{Prune: true, Confirm: []string{"orders"}}); err != nil || !strings.Contains(out, "orders: removed\n") {
		t.Errorf("prune = %q, %v, want orders removed", out, err)
	}
	if n := a.refused.Load(); n != 0 {
		t.Errorf("the server refused %d subjects to an operator; the log names them", n)
	}
}
