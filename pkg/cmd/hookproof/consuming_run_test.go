//go:build deploy

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell runs lines of deploy/consuming.md as they stand there, in a directory that has what they name.
type shell struct {
	t   *testing.T
	dir string
	env []string
}

func newShell(t *testing.T, env ...string) *shell {
	t.Helper()
	s := &shell{t: t, dir: t.TempDir()}
	if err := os.CopyFS(filepath.Join(s.dir, "deploy/examples"), os.DirFS("../../../deploy/examples")); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(s.dir, "bin")
	s.env = slices.Concat(environ(), []string{"GOBIN=" + bin, "PATH=" + bin + ":" + os.Getenv("PATH"), "XDG_CONFIG_HOME=" + s.dir}, env)
	return s
}

// run runs a line until its output holds each text. One that ends by itself has to end well.
func (s *shell) run(line string, ends bool, texts ...string) {
	s.t.Helper()
	out := filepath.Join(s.dir, "output")
	file, err := os.Create(out)
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command("bash", "-c", line)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.env, file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	missing := func() bool {
		b, _ := os.ReadFile(out)
		return slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(string(b), text) })
	}
	limit := time.After(5 * time.Minute) // the first lines build
	for ended := false; !ended; {
		select {
		case err = <-done:
			ended = true
		case <-limit:
			err, ended = os.ErrDeadlineExceeded, true
		case <-time.After(50 * time.Millisecond):
			ended = !ends && !missing()
		}
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // what goes on; errs when it has ended
	if b, _ := os.ReadFile(out); err != nil || missing() {
		s.t.Fatalf("%s: %v, want %q:\n%s", line, err, texts, b)
	}
}

// consumingExpected says what each line of the page prints. One that is on goes on until it is ended; one of accounts is run
// by TestConsumingCommandsAccounts, and the one that is code by TestConsumingTrace.
var consumingExpected = []struct {
	prefix             string
	on, accounts, code bool
	texts              []string
}{
	{prefix: "go install "},
	{prefix: "nats sub ", on: true, texts: []string{"verified.genesys", "ce-id:", "Hookproof-Key:", "X-Genesys-Signature:"}},
	{prefix: "nats consumer add VERIFIED reader ", texts: []string{"Pull Mode: true", "Filter Subject: verified.*", "Ack Wait: 30.00s", "Max Ack Pending: 256"}},
	{prefix: "nats consumer next ", texts: []string{"ce-source: /hookproof/genesys", "Acknowledged message"}},
	{prefix: "nats consumer info ", texts: []string{"reader"}},
	{prefix: "nats --server tls://bus:4222 ", accounts: true, texts: []string{`{"from":"the sender"}`, "Acknowledged message"}},
	{prefix: "go build -C "},
	{prefix: "TABLE=.hookproof/events .hookproof/consumer", on: true, texts: []string{`"msg":"done"`}},
	{prefix: "npm ci "},
	{prefix: "DURABLE=reader-node ", on: true, texts: []string{`"msg":"done"`}},
	{prefix: "NATS_URL=", accounts: true},
	{prefix: "ctx = ", code: true},
	{prefix: "nats consumer add VERIFIED reader-again ", texts: []string{"Filter Subject: verified.genesys"}},
	{prefix: "DURABLE=reader-again ", on: true, texts: []string{`"msg":"duplicate"`}},
	{prefix: "nats consumer rm "},
	{prefix: "nats stream get ", texts: []string{"Hookproof-Key"}},
}

// TestConsumingCommands runs every command of deploy/consuming.md, in their order, beside what make run runs.
func TestConsumingCommands(t *testing.T) {
	listen := freeAddress(t)
	demo, err := testBinary()
	if err != nil {
		t.Fatal(err)
	}
	all := exec.Command(demo, "all", "--demo", "--listen", freeAddress(t), "--admin-listen", freeAddress(t), "--nats-listen", listen, "--data-dir", t.TempDir())
	all.Env = append(environ(), "WEBHOOK_SECRET="+testSecret, "ALLOWED_IPS=127.0.0.1,::1", "HOOKPROOF_TRUSTED_PROXIES=127.0.0.1")
	if err := all.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = all.Process.Kill(); _ = all.Wait() })
	s := newShell(t, "NATS_URL=nats://"+listen)
	lines := consumingLines(t)
	if len(lines) != len(consumingExpected) {
		t.Errorf("the page has %d lines in blocks, and %d are expected", len(lines), len(consumingExpected))
	}
	for i, x := range consumingExpected {
		switch {
		case !strings.HasPrefix(lines[i], x.prefix):
			t.Fatalf("the page's next line is %q, want %q", lines[i], x.prefix)
		case !x.accounts && !x.code:
			t.Log(lines[i])
			s.run(lines[i], !x.on, x.texts...)
		}
	}
}

// TestConsumingCommandsAccounts runs those that are for a server with accounts.
func TestConsumingCommandsAccounts(t *testing.T) {
	a := startAccounts(t, nil)
	body := a.publishVerified()
	s := newShell(t)
	s.run(consumingLine(t, "go install "), true)
	here := strings.NewReplacer("tls://bus:4222", a.url, "ca.pem", a.ca, "reader.nk", filepath.Join(a.dir, "reader.nk"))
	s.run(here.Replace(consumingLine(t, "nats --server ")), true, string(body), "Acknowledged message")
	s.run(consumingLine(t, "go build -C "), true)
	a.publishVerified()
	s.run(here.Replace(consumingLine(t, "NATS_URL=")), false, `"msg":"done"`)
}
