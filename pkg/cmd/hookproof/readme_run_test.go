package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newcomerBound is how long it may take from the clone to an event of one's own that is verified, with the modules in Go's
// cache. It shall take less than two minutes; beside a whole gate on two cores it gets twice that.
const newcomerBound = 4 * time.Minute

// TestREADMECommands follows the README as a newcomer does: a clean clone, and then every command as it is written.
func TestREADMECommands(t *testing.T) {
	const readme = "../../../README.md"
	begun := time.Now()
	x := openClone(t, readme, "HOOKPROOF_SECRET_ORDERS=whsec_dGhlLXNlY3JldC1vZi10aGUtb3JkZXJz")
	if x == nil {
		return
	}
	defer x.close()
	const ready = "http://127.0.0.1:9090/readyz"
	runPage(t, x, readme, []step{
		{on: "OTEL_EXPORTER_OTLP_ENDPOINT=", background: ready},
		{on: "make run", background: ready},
		{on: "forged\" --data-binary", prints: `(?m)^HTTP/1.1 200 OK[\s\S]*"status":"accepted"`},
		{on: "curl -i", prints: `(?m)^HTTP/1.1 200 OK[\s\S]*"status":"accepted"`},
		{on: "hookproof tail --since 1m", until: []string{"VERIFIED genesys", "SIGNATURE_MISMATCH"}, then: func() {
			took := time.Since(begun).Round(time.Millisecond)
			t.Logf("from the clone to a verified event: %s", took)
			if took > newcomerBound {
				t.Errorf("from the clone to a verified event it took %s, want %s at most", took, newcomerBound)
			}
		}},
		{on: "natscli", until: []string{`"verified.genesys"`}},
		{on: "audit/metrics", prints: `"verified`},
		{on: "audit/log?reason=", prints: `"reason": ?"SIGNATURE_MISMATCH"`, again: true},
		{on: "audit/log", prints: `"replayProtection": "ENABLED"`},
		{on: "127.0.0.1:16686", notRun: "make test-jaeger builds the real Jaeger and asks it the same"},
		{on: "explain", prints: `reason +SIGNATURE_MISMATCH`, again: true},
		{on: "redrive", prints: `genesys: [1-9][0-9]* would be sent`},
		{on: "hookproof all", background: ready, with: strings.NewReplacer("WEBHOOK_SECRET=...", "WEBHOOK_SECRET=a-secret-of-the-newcomer")},
		{on: "GENESYS_CLIENT_SECRET", notRun: "it needs an account"},
		{on: "make bench", notRun: "it takes minutes"},
		{on: "make test", notRun: "this is a part of it"},
	}, func(name string) {
		// Whether a webhook of Genesys Cloud becomes live shows the script provision; here its file is compared.
		s := step{exits: exitChanges, prints: `(?m)^\+webhook: `}
		command := "hookproof apply -f " + name
		if b, err := os.ReadFile(filepath.Join(x.dir, name)); err != nil || strings.Contains(string(b), "kind: none") {
			s = step{prints: `(?m): live$`}
		} else {
			command += " --dry-run"
		}
		s.typed(t, x, "README.md", command)
	})
}
