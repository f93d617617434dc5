package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Build builds the nats-server that the module requires into dir and returns its path. It has to run inside the module.
func Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "nats-server")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/nats-io/nats-server/v2").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build nats-server: %w: %s", err, out)
	}
	return path, nil
}

// node is one nats-server, running or not. Its addresses stay over restarts.
type node struct {
	name                   string
	client, route, monitor string   // addresses
	config, log, store     string   // paths
	command                []string // that runs the server

	mu   sync.Mutex
	cmd  *exec.Cmd     // nil when it does not run
	done chan struct{} // closed when it has ended
}

func newNode(i int, opts Options) (*node, error) {
	n := &node{name: fmt.Sprintf("n%d", i+1)}
	n.config, n.log, n.store = filepath.Join(opts.Dir, n.name+".conf"), filepath.Join(opts.Dir, n.name+".log"), filepath.Join(opts.Dir, n.name)
	if opts.Wrap != nil {
		n.command = opts.Wrap(i)
	}
	n.command = append(n.command, opts.Server, "-c", n.config)
	for _, addr := range []*string{&n.client, &n.route, &n.monitor} {
		var err error
		if *addr, err = FreeAddr(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (n *node) url() string { return "nats://" + n.client }

// Ports are given out one after the other from below those that the kernel gives to outgoing connections: what is down for a
// while must find its port free, and no two may get the same before they listen.
const firstPort, ports = 10000, 20000

var lastPort = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32N(ports)) // other processes of the suite begin elsewhere
	return &n
}()

// FreeAddr returns an address of loopback on which nobody listens, another one at each call.
func FreeAddr() (string, error) {
	// A child that is forked meanwhile would hold the listener until it executes its program, and keep the port taken.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	var err error
	for range 100 {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+lastPort.Add(1)%ports)); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", err
}

// configure writes the node's configuration.
//
// The route address that it advertises leads nowhere. Otherwise a node would learn another's from a third, and connect to it
// past the link between the two.
func (n *node) configure(opts Options, routes []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "server_name: %s\nlisten: %q\nhttp: %q\n", n.name, n.client, n.monitor)
	sync := "2m"
	if opts.SyncAlways {
		sync = "always"
	}
	fmt.Fprintf(&b, "jetstream { store_dir: %q, max_file_store: %d, max_memory_store: 67108864, sync_interval: %q }\n",
		n.store, opts.MaxStore, sync)
	if len(routes) > 0 {
		fmt.Fprintf(&b, "cluster {\n  name: chaos\n  listen: %q\n  no_advertise: true\n  advertise: \"127.0.0.1:1\"\n  routes: [%s]\n}\n", n.route, `"`+strings.Join(routes, `", "`)+`"`)
	}
	b.WriteString(opts.ConfigExtra)
	return os.WriteFile(n.config, []byte(b.String()), 0o600)
}

// start starts the process. Its log goes on where the last one ended.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		return fmt.Errorf("%s runs already", n.name)
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd, done := exec.Command(n.command[0], n.command[1:]...), make(chan struct{})
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: a Ctrl-C is for the harness, which then kills its servers, and a signal reaches what wraps a server
	// and the server.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	n.cmd, n.done = cmd, done
	go func() {
		_ = cmd.Wait() // how it ended is in its log, or was our doing
		close(done)
	}()
	return nil
}

// running reports whether the process is there, stopped or not.
func (n *node) running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.alive()
}

// alive is running with the lock held. A process id means nothing once the process has ended.
func (n *node) alive() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

func (n *node) signal(s syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.alive() {
		return fmt.Errorf("%s does not run", n.name)
	}
	if err := syscall.Kill(-n.cmd.Process.Pid, s); err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	return nil
}

// kill kills the process and waits until it is gone. It does nothing to one that does not run.
func (n *node) kill() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.alive() {
		if err := syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		<-n.done
	}
	n.cmd = nil
	return nil
}

// pid returns the process id, 0 when it does not run.
func (n *node) pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return 0
	}
	return n.cmd.Process.Pid
}
