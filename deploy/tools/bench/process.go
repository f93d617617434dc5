package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is the unit of /proc/PID/stat: USER_HZ, which is 100 on every platform of Linux that Go supports.
const ticks = 100

// process is a program that was started for one target.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   string
	admin string // address of the admin listener, where the program has one
}

// start starts a program in dir with nothing of this process's environment but PATH, HOME and what env adds.
func start(name, dir string, env []string, argv ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), log: filepath.Join(dir, name+".log")}
	f, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
	for _, name := range []string{"GOGC", "GOMEMLIMIT", "GOMAXPROCS"} { // to try what they do
		if v, set := os.LookupEnv(name); set {
			p.cmd.Env = append(p.cmd.Env, name+"="+v)
		}
	}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = nil, f, dir
	return p, p.cmd.Start()
}

// stop ends the process and waits for it; one that does not end by itself is killed.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // errs when it has ended
	kill := time.AfterFunc(20*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_ = p.cmd.Wait()
}

// cpu returns the seconds of CPU that the process has used.
func (p *process) cpu() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:]) // the name before it may hold blanks
	if len(f) < 13 {
		return 0, fmt.Errorf("unexpected stat of %s", p.name)
	}
	user, err := strconv.ParseFloat(string(f[11]), 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(string(f[12]), 64)
	return (user + system) / ticks, err
}

// peak returns the most memory that the process held at once, in MiB.
func (p *process) peak() (float64, error) { return p.status("VmHWM:") }

// status returns a size of /proc/PID/status in MiB.
func (p *process) status(field string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == field {
			kib, err := strconv.ParseFloat(f[1], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s of %s", field, p.name)
}

// said returns the end of what the process logged, for an error.
func (p *process) said() string {
	b, _ := os.ReadFile(p.log) // without a log there is nothing to say
	return string(b[max(0, len(b)-1000):])
}
