package target

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// restartAfter is how long a process that has ended stays away, as under a supervisor that starts it again.
const restartAfter = 300 * time.Millisecond

// Process is a role of hookproof under a supervisor: however it ends it is started again, unless it is wanted down. Its
// methods are safe for concurrent use.
type Process struct {
	Name  string
	Admin string // address of its admin listener, "" when it has none
	argv  []string
	env   []string
	log   string
	// onStrike is told when a failpoint killed the process, onCrash when it ended as none may.
	onStrike func(failpoint string)
	onCrash  func(p *Process, detail string)

	mu      sync.Mutex
	changed chan struct{} // closed and renewed at each change below
	once    []string      // of the next start's environment only
	cmd     *exec.Cmd     // nil while it does not run
	armed   string        // failpoint of the running one
	ours    bool          // the running one was told to end
	down    bool          // it has to stay away
	closed  bool
	exits   int
	last    error // how the last one ended
	read    int   // of the log, in bytes; the supervisor's own
	done    chan struct{}
}

// run is the supervisor. It ends once the process is closed.
func (p *Process) run() {
	defer close(p.done)
	for {
		p.mu.Lock()
		for p.down && !p.closed {
			p.waitChange()
		}
		if p.closed {
			p.mu.Unlock()
			return
		}
		cmd, err := p.start()
		p.mu.Unlock()
		if err != nil {
			p.onCrash(p, "cannot be started: "+err.Error())
			return
		}
		err = cmd.Wait()
		p.ended(err)
		time.Sleep(restartAfter)
	}
}

// start starts the process; the lock is held.
func (p *Process) start() (*exec.Cmd, error) {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Env = slices.Concat(p.env, p.once)
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for the suite, which then ends its processes
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.armed = ""
	for _, v := range p.once {
		if text, ok := strings.CutPrefix(v, "HOOKPROOF_FAILPOINT="); ok {
			p.armed = text
		}
	}
	p.cmd, p.ours, p.once = cmd, false, nil
	p.change()
	return cmd, nil
}

// ended notes how the process ended, and tells of an end that nobody asked for.
func (p *Process) ended(err error) {
	p.mu.Lock()
	armed, ours := p.armed, p.ours
	p.cmd, p.last, p.armed = nil, err, ""
	p.exits++
	p.change()
	p.mu.Unlock()
	var exit *exec.ExitError
	signalled := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled()
	switch {
	case signalled && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL && armed != "" && !ours:
		p.onStrike(armed)
	case signalled && !ours:
		p.onCrash(p, err.Error())
	}
	if what := p.panicked(); what != "" {
		p.onCrash(p, what)
	}
}

// panicked returns the line of the log, since it was last looked at, with which a Go program dies, "" when there is none.
func (p *Process) panicked() string {
	b, _ := os.ReadFile(p.log) // without a log there is nothing to find
	b, p.read = b[min(p.read, len(b)):], len(b)
	for line := range bytes.Lines(b) {
		for _, mark := range []string{"panic:", "fatal error:", "WARNING: DATA RACE", "verifier panicked", "handler panicked"} {
			if bytes.Contains(line, []byte(mark)) {
				return strings.TrimSpace(string(line))
			}
		}
	}
	return ""
}

// Env makes the next start, and no other, have these variables beside its own.
func (p *Process) Env(vars ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.once = append(p.once, vars...)
}

// Kill kills the process with SIGKILL and returns once it is gone. The supervisor starts it again.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

// Term ends the process with SIGTERM, as an operator does, and returns once it is gone. An exit code other than 0 is an
// error. The supervisor starts it again.
func (p *Process) Term() error {
	if err := p.end(syscall.SIGTERM); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil {
		return fmt.Errorf("%s after SIGTERM: %w", p.Name, p.last)
	}
	return nil
}

// Down kills the process and keeps it away until Up.
func (p *Process) Down() error {
	p.mu.Lock()
	p.down = true
	p.change()
	p.mu.Unlock()
	return p.end(syscall.SIGKILL)
}

// Up lets the supervisor start the process again.
func (p *Process) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
	p.change()
}

// Stop stops the process with SIGSTOP, Cont lets it go on.
func (p *Process) Stop() error { return p.signal(syscall.SIGSTOP) }

// Cont lets a stopped process go on.
func (p *Process) Cont() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return fmt.Errorf("%s does not run", p.Name)
	}
	return p.cmd.Process.Signal(s)
}

// end sends a signal to the process, if it runs, and waits until it is gone.
func (p *Process) end(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	p.ours = true
	before := p.exits
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	for p.exits == before {
		p.waitChange()
	}
	return nil
}

// Close ends the process for good.
func (p *Process) Close() {
	p.mu.Lock()
	p.closed, p.ours = true, true
	p.change()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(syscall.SIGCONT) // errs when it has ended
		_ = p.cmd.Process.Kill()
	}
	p.mu.Unlock()
	<-p.done
}

// Pid returns the process id, 0 when it does not run.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// change tells those that wait; the lock is held.
func (p *Process) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// waitChange gives the lock away until something changes.
func (p *Process) waitChange() {
	changed := p.changed
	p.mu.Unlock()
	<-changed
	p.mu.Lock()
}
