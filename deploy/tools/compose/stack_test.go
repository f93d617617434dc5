package compose

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// stack runs the services of a project as processes. What a container would see at a path lies below a directory of its
// own, and each service has an address of its own on loopback; both stand in for the file's in commands and variables.
type stack struct {
	t       *testing.T
	project *types.Project
	dir     string
	bin     string
	network string // the first three bytes of every address
	done    map[string]bool
	running map[string]*process
	monitor map[string]string // the port of each NATS server's health: in a container every server has the same
}

// process is a service that runs.
type process struct {
	cmd *exec.Cmd
	log bytes.Buffer
}

func newStack(t *testing.T) *stack {
	t.Helper()
	s := &stack{t: t, project: load(t), dir: t.TempDir(), bin: t.TempDir(), done: map[string]bool{}, running: map[string]*process{}, monitor: map[string]string{},
		network: fmt.Sprintf("127.%d.%d.", 10+os.Getpid()>>8%200, os.Getpid()%250)}
	for name, pkg := range map[string]string{"hookproof": "./pkg/cmd/hookproof", "nats-server": "github.com/nats-io/nats-server/v2"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(s.bin, name), pkg)
		cmd.Dir = "../../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", pkg, err, out)
		}
	}
	t.Cleanup(s.stop)
	return s
}

// hosts are the names that services call each other by, in the order of their addresses' last byte.
var hosts = []string{"nats-1", "nats-2", "nats-3", "ingress", "verifier", "provisioner", "setup", "collector"}

func (s *stack) address(host string) string {
	for i, name := range hosts {
		if name == host {
			return s.network + fmt.Sprint(i+1)
		}
	}
	return s.network + "200"
}

// native returns a text of a service's with the paths and names of this machine.
func (s *stack) native(service, text string) string {
	var pairs []string
	for _, v := range s.project.Services[service].Volumes {
		pairs = append(pairs, v.Target, filepath.Join(s.dir, service, v.Target))
	}
	pairs = append(pairs, "/etc/hookproof", filepath.Join(s.dir, service, "/etc/hookproof"))
	for _, host := range hosts[:3] {
		pairs = append(pairs, "DNS:"+host, "IP:"+s.address(host), "//"+host+":", "//"+s.address(host)+":")
	}
	pairs = append(pairs, "//collector:", "//"+s.address("collector")+":")
	return strings.NewReplacer(pairs...).Replace(text)
}

// mount lays out what a container of the service would see. A named volume is one directory, whoever mounts it.
func (s *stack) mount(service string) {
	s.t.Helper()
	for _, v := range s.project.Services[service].Volumes {
		source, at := v.Source, filepath.Join(s.dir, service, v.Target)
		if v.Type == types.VolumeTypeVolume {
			source = filepath.Join(s.dir, "volumes", v.Source)
			if err := os.MkdirAll(source, 0o700); err != nil {
				s.t.Fatal(err)
			}
		}
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Symlink(source, at); err != nil && !os.IsExist(err) {
			s.t.Fatal(err)
		}
	}
}

// command returns a service as a process; args come in place of its command, as with docker compose run.
func (s *stack) command(service string, args ...string) *exec.Cmd {
	s.t.Helper()
	s.mount(service)
	c := s.project.Services[service]
	line := slices.Clone([]string(c.Entrypoint))
	if strings.HasPrefix(c.Image, "hookproof:") { // its entrypoint
		line = []string{"hookproof"}
	}
	if args == nil {
		args = c.Command
	}
	line = append(line, args...)
	for i := range line {
		line[i] = s.native(service, line[i])
	}
	path := line[0]
	if _, err := os.Stat(filepath.Join(s.bin, path)); err == nil {
		path = filepath.Join(s.bin, path)
	}
	cmd := exec.Command(path, line[1:]...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir}
	for name, value := range c.Environment {
		if value == nil {
			s.t.Errorf("%s: %s has no value", service, name)
			continue
		}
		text := s.native(service, *value)
		if strings.HasSuffix(name, "_LISTEN") && strings.HasPrefix(text, ":") {
			text = s.address(service) + text
		}
		cmd.Env = append(cmd.Env, name+"="+text)
	}
	return cmd
}

// up brings a service up after those that it depends on, as compose does.
func (s *stack) up(service string) {
	s.t.Helper()
	if s.done[service] {
		return
	}
	s.done[service] = true
	needs := s.project.Services[service].DependsOn
	for name := range needs {
		s.up(name)
	}
	for name, d := range needs {
		switch d.Condition {
		case types.ServiceConditionHealthy:
			s.awaitHealthy(name)
		case types.ServiceConditionCompletedSuccessfully: // up has waited
		default:
			s.t.Errorf("%s waits for %s until %s", service, name, d.Condition)
		}
	}
	cmd := s.command(service)
	if restart := s.project.Services[service].Restart; restart != types.RestartPolicyUnlessStopped {
		s.job(service, cmd, restart == types.RestartPolicyOnFailure)
		return
	}
	if strings.HasPrefix(service, "nats-") { // its own address in place of all
		at := s.address(service)
		s.monitor[service] = freePort(s.t)
		cmd.Args = append(cmd.Args, "-a", at, "--cluster", "nats://"+at+":6222", "-m", s.monitor[service])
	}
	p := &process{cmd: cmd}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.running[service] = p
}

// job runs a service that ends, again when it fails and may.
func (s *stack) job(service string, cmd *exec.Cmd, again bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; cmd = s.command(service) {
		out, err := cmd.CombinedOutput()
		if err == nil {
			return
		}
		if !again || time.Now().After(deadline) {
			s.logs()
			s.t.Fatalf("%s: %v\n%s", service, err, out)
		}
	}
}

// freePort returns a port that nobody listens on, at any address.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// awaitHealthy asks what the service's health check asks.
func (s *stack) awaitHealthy(service string) {
	s.t.Helper()
	check := s.project.Services[service].HealthCheck.Test
	url := strings.NewReplacer("127.0.0.1", s.address(service), ":8222", ":"+s.monitor[service]).Replace(check[len(check)-1])
	s.await(url, time.Minute)
}

func (s *stack) await(url string, patience time.Duration) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(url)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
			err = fmt.Errorf("%s", res.Status)
		}
		if time.Now().After(deadline) {
			s.logs()
			s.t.Fatalf("%s: %v after %s", url, err, patience)
		}
	}
}

// end tells a service to stop and returns how it ended, or an error when the file's grace was not enough.
func (s *stack) end(service string) error {
	p := s.running[service]
	delete(s.running, service)
	grace := time.Minute
	if g := s.project.Services[service].StopGracePeriod; g != nil {
		grace = time.Duration(*g)
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	context.AfterFunc(ctx, func() { _ = p.cmd.Process.Kill() })
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.cmd.Wait()
}

func (s *stack) stop() {
	for service := range s.running {
		if err := s.end(service); err != nil && !strings.HasPrefix(service, "nats-") {
			s.t.Errorf("%s ended with %v", service, err)
		}
	}
}

func (s *stack) logs() {
	for service, p := range s.running {
		s.t.Logf("%s:\n%.8000s", service, p.log.Bytes())
	}
}
