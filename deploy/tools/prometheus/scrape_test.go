package prometheus

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestScrapeConfig has promtool check the configuration of deploy/compose, beside the rules as they are mounted there.
func TestScrapeConfig(t *testing.T) {
	dir := t.TempDir()
	for to, from := range map[string]string{"prometheus.yaml": "deploy/compose/prometheus.yaml", "rules.yaml": "deploy/prometheus/rules.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, to), read(t, from), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("go", "tool", "promtool", "check", "config", "--lint=all", "--lint-fatal", filepath.Join(dir, "prometheus.yaml")).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("rules found")) {
		t.Errorf("promtool check config: %v\n%s", err, out)
	}
}
