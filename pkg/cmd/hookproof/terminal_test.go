package main

import (
	"bytes"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// terminal types commands into a shell as somebody would who follows a page: variables and the directory stay from one
// command to the next, and what runs on is ended by Ctrl-C.
type terminal struct {
	t          *testing.T
	dir        string // to begin in
	env        []string
	state      string // a file with the variables
	background *session
}

func newTerminal(t *testing.T, dir string, env ...string) *terminal {
	return &terminal{t: t, dir: dir, env: append(environ(), env...), state: filepath.Join(t.TempDir(), "state")}
}

// output is what a process has printed so far. It is safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// session is one command that runs.
type session struct {
	cmd  *exec.Cmd
	done chan error
	out  output
}

// interrupt presses Ctrl-C, and waits for the end.
func (s *session) interrupt(t *testing.T) {
	t.Helper()
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT)
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		t.Errorf("%s: did not end within 30 s of Ctrl-C", s.cmd.Args[len(s.cmd.Args)-1])
	}
}

// start types a command.
func (x *terminal) start(command string) *session {
	x.t.Helper()
	const script = `set -a; [ ! -f "$0" ] || . "$0"; eval "$1"; code=$?; { export -p; printf 'cd %q\n' "$PWD"; } >"$0"; exit $code`
	s := &session{cmd: exec.Command("bash", "-c", script, x.state, command), done: make(chan error, 1)}
	s.cmd.Dir, s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = x.dir, x.env, &s.out, &s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.WaitDelay = 10 * time.Second
	if err := s.cmd.Start(); err != nil {
		x.t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	return s
}

// commandTimeout is far longer than any command of a page takes that ends by itself.
const commandTimeout = 4 * time.Minute

// run types a command and waits for its end.
func (x *terminal) run(command string) (output string, code int) {
	x.t.Helper()
	s := x.start(command)
	select {
	case <-s.done:
	case <-time.After(commandTimeout):
		s.interrupt(x.t)
		x.t.Fatalf("%s\ndid not end within %s:\n%s", command, commandTimeout, s.out.String())
	}
	return s.out.String(), s.cmd.ProcessState.ExitCode()
}

// until types a command, and ends it once it has printed every text.
func (x *terminal) until(command string, texts ...string) {
	x.t.Helper()
	s := x.start(command)
	x.await(s, command, texts...)
	s.interrupt(x.t)
}

// inBackground types a command in another terminal, once what ran there was ended.
func (x *terminal) inBackground(command, ready string) {
	x.t.Helper()
	x.close()
	x.background = x.start(command)
	x.await(x.background, command, ready)
}

// close ends what runs in the background.
func (x *terminal) close() {
	if x.background != nil {
		x.background.interrupt(x.t)
		x.background = nil
	}
}

func (x *terminal) await(s *session, command string, texts ...string) {
	x.t.Helper()
	for deadline := time.Now().Add(commandTimeout); ; time.Sleep(20 * time.Millisecond) {
		missing := ""
		for _, text := range texts {
			if !there(s, text) {
				missing = text
			}
		}
		if missing == "" {
			return
		}
		select {
		case err := <-s.done:
			x.t.Fatalf("%s\nended (%v) before %q:\n%s", command, err, missing, s.out.String())
		default:
		}
		if time.Now().After(deadline) {
			s.interrupt(x.t)
			x.t.Fatalf("%s\nno %q within %s:\n%s", command, missing, commandTimeout, s.out.String())
		}
	}
}

// there reports whether a text was printed, or an URL answers 200.
func there(s *session, text string) bool {
	if !strings.HasPrefix(text, "http://") {
		return strings.Contains(s.out.String(), text)
	}
	res, err := http.Get(text)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}
