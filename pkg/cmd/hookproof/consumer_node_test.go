//go:build deploy

package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// nodeConsumerCommand installs what the lock file of deploy/examples/consumer-node names.
func nodeConsumerCommand(t *testing.T) []string {
	t.Helper()
	dir, err := filepath.Abs("../../../deploy/examples/consumer-node")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return []string{"node", filepath.Join(dir, "consumer.mjs")}
}

// TestConsumerNode holds the example consumer for Node to what deploy/consuming.md promises of it.
func TestConsumerNode(t *testing.T) {
	command := nodeConsumerCommand(t)
	t.Run("killed and ended", func(t *testing.T) { testConsumer(t, command) })
	t.Run("accounts", func(t *testing.T) { testConsumerAccounts(t, command) })
}
