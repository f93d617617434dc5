package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/secret"
)

// deployed is a command as a file below deploy/ starts it.
type deployed struct {
	where string
	args  []string
	env   map[string]string
}

// check runs the command with its environment, but for keys and a NATS server of the test's own. Each variable must be one
// that the command reads, and every value must be accepted: the command then ends because no server answers.
func (d deployed) check(t *testing.T) {
	t.Helper()
	known := variables(t, d.args[0])
	cmd := exec.Command("hookproof", d.args...)
	stand := standIns(t)
	for name, value := range d.env {
		if !known(name) {
			t.Errorf("%s: hookproof %s does not read %s", d.where, d.args[0], name)
		}
		if own, ok := stand[name]; ok {
			value = own
		}
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != exitFailed || !strings.Contains(string(out), "connect to "+stand["NATS_URL"]+": nats: no servers available") {
		t.Errorf("%s: hookproof %q = %v, want that it ends for want of a NATS server:\n%s", d.where, d.args, err, out)
	}
}

// standIns returns files and a server for the variables that name some; nobody listens there.
func standIns(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := (&natsKeysCmd{Dir: dir}).Run(&process{stdout: io.Discard}); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "pool.xkey")
	if _, err := secret.LoadOrCreateKey(key); err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(dir, "admin.token")
	if err := os.WriteFile(token, []byte("a token that only operators know\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"NATS_URL": "nats://127.0.0.1:1", "NATS_NKEY": filepath.Join(dir, "admin.nk"), "NATS_CA": selfSigned(t, dir),
		"HOOKPROOF_XKEY_FILE": key, "HOOKPROOF_ADMIN_TOKEN_FILE": token, "HOME": dir}
}

// notFlags are the variables that a role reads and that have no flag: credentials, secrets, and what libraries read.
var notFlags = map[string]*regexp.Regexp{
	"ingress":     regexp.MustCompile(`^(OTEL_[A-Z_]+|GOGC|GOMEMLIMIT|GOMAXPROCS)$`),
	"verifier":    regexp.MustCompile(`^(OTEL_[A-Z_]+|GOGC|GOMEMLIMIT|GOMAXPROCS|WEBHOOK_SECRET|HOOKPROOF_SECRET_[A-Z0-9_]+)$`),
	"provisioner": regexp.MustCompile(`^(OTEL_[A-Z_]+|GOGC|GOMEMLIMIT|GOMAXPROCS|WEBHOOK_SECRET|HOOKPROOF_SECRET_[A-Z0-9_]+|GENESYS_CLIENT_(ID|SECRET))$`),
	"setup":       regexp.MustCompile(`^(OTEL_[A-Z_]+|GOMEMLIMIT)$`),
	"all":         regexp.MustCompile(`^(OTEL_[A-Z_]+|GOGC|GOMEMLIMIT|GOMAXPROCS|WEBHOOK_SECRET|HOOKPROOF_SECRET_[A-Z0-9_]+|GENESYS_CLIENT_(ID|SECRET))$`),
}

// variables reports which variables a subcommand reads, by its own --help.
func variables(t *testing.T, command string) func(name string) bool {
	t.Helper()
	help, err := exec.Command("hookproof", command, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range regexp.MustCompile(`\$([A-Z][A-Z0-9_]+)`).FindAllSubmatch(help, -1) {
		named = append(named, string(m[1]))
	}
	if len(named) < 5 && command != "version" {
		t.Fatalf("hookproof %s --help names %q only", command, named)
	}
	more := notFlags[command]
	return func(name string) bool { return slices.Contains(named, name) || more != nil && more.MatchString(name) }
}

// lines returns the lines of a file below deploy/ that are neither empty nor a comment.
func lines(t *testing.T, path string) (out []string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../../../deploy", path))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}
