package target

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/load"
)

// Options shape a deployment. The zero value of a field stands for its default.
type Options struct {
	Dir        string // of this run; it must exist, and stays
	Hookproof  string // path of the program, built with failpoints
	NATSServer string // path of nats-server
	Nodes      int    // 1 or 3; default 1
	Verifiers  int    // default 2
	SyncAlways bool
	Wrap       func(node int) []string // see cluster.Options
	Horizon    time.Duration           // default 1 h
	Tolerance  time.Duration           // of every webhook; default 5 min
	AckWait    time.Duration           // of the verifiers' consumer; default 2 s, so that a run need not wait for 30 s
	Simulator  bool                    // run hookproof sim, with credentials for the provisioner
	Env        []string                // of every role
	Buffer     bool                    // the ingress stores in a buffer of its own and forwards from there
	MaxStorage int64                   // of all streams together; default what setup takes
	DiskBytes  int64                   // puts the first server on a disk of that size, which needs the rights of root; 0 does not
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&o.Horizon, time.Hour}, {&o.Tolerance, 5 * time.Minute}, {&o.AckWait, 2 * time.Second}} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Verifiers == 0 {
		o.Verifiers = 2
	}
	return o
}

// Deployment is a whole pipeline. Whoever started it closes it.
type Deployment struct {
	Options
	Cluster     *cluster.Cluster
	Ingress     *Process
	Verifiers   []*Process
	Provisioner *Process
	Sim         *Process // nil without a simulator
	Admin       *Admin
	URL         *url.URL // of the ingress
	SimURL      string
	Webhooks    []*load.Webhook
	rec         *history.Recorder
	secrets     map[string]int // how often a webhook's secret was changed
	rings       map[string][]history.Secret
}

// Start starts everything, configures the webhooks, and returns once all roles are ready.
func Start(ctx context.Context, o Options, rec *history.Recorder) (*Deployment, error) {
	d := &Deployment{Options: o.withDefaults(), rec: rec, secrets: map[string]int{}, rings: map[string][]history.Secret{}}
	if err := d.start(ctx); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Deployment) start(ctx context.Context) error {
	if err := os.MkdirAll(d.secretDir(), 0o700); err != nil {
		return err
	}
	var err error
	if d.DiskBytes > 0 {
		if err := mountDisk(d.DiskDir(), d.DiskBytes); err != nil {
			return err
		}
	}
	d.Cluster, err = cluster.Start(ctx, cluster.Options{Nodes: d.Nodes, Dir: d.Dir, Server: d.NATSServer, SyncAlways: d.SyncAlways, Wrap: d.Wrap, MaxStore: 1 << 40})
	if err != nil {
		return err
	}
	// A server of a cluster that just started may call another offline.
	if err := cluster.Poll(ctx, func() error { return d.Setup(ctx) }); err != nil {
		return err
	}
	if d.Admin, err = NewAdmin(d.Cluster.URL()); err != nil {
		return err
	}
	if err := d.Admin.Replicated(ctx, d.Nodes); err != nil {
		return err
	}
	if err := d.Admin.SetAckWait(ctx, d.AckWait); err != nil {
		return err
	}
	if err := d.startRoles(); err != nil {
		return err
	}
	for _, w := range webhooks() {
		if err := d.Configure(ctx, w, Change{}); err != nil {
			return err
		}
		d.Webhooks = append(d.Webhooks, w)
	}
	return d.WaitReady(ctx)
}

// webhooks returns what requests are sent to: a scheme that does not sign the time, one that has it in the body, and one
// that signs it.
func webhooks() []*load.Webhook {
	return []*load.Webhook{
		{Name: "calls", Scheme: history.GenesysWebhook, Inside: "203.0.113.", Outside: "198.51.100.", MaxBody: 64 << 10},
		{Name: "chats", Scheme: history.OpenMessaging, Inside: "192.0.2.", Outside: "198.51.100.", MaxBody: 64 << 10},
		{Name: "orders", Scheme: history.StandardWebhooks, Inside: "203.0.113.", MaxBody: 16 << 10},
	}
}

func (d *Deployment) startRoles() error {
	listen, err := cluster.FreeAddr()
	if err != nil {
		return err
	}
	d.URL = &url.URL{Scheme: "http", Host: listen}
	if d.Simulator {
		if err := d.startSim(); err != nil {
			return err
		}
	}
	env := []string{"HOOKPROOF_LISTEN=" + listen, "HOOKPROOF_TRUSTED_PROXIES=127.0.0.1/32", "HOOKPROOF_STRANGER_RATE=1000000", "HOOKPROOF_STRANGER_BURST=1000000"}
	if d.Buffer {
		env = append(env, "HOOKPROOF_BUFFER_DIR="+filepath.Join(d.Dir, "buffer"), "HOOKPROOF_BUFFER_SYNC_INTERVAL=100ms")
	}
	if d.Ingress, err = d.role("ingress", "ingress", env...); err != nil {
		return err
	}
	for i := range d.Options.Verifiers {
		v, err := d.role(fmt.Sprintf("verifier-%d", i+1), "verifier")
		if err != nil {
			return err
		}
		d.Verifiers = append(d.Verifiers, v)
	}
	var genesys []string
	if d.Simulator {
		genesys = []string{"HOOKPROOF_GENESYS_API_URL=" + d.SimURL, "HOOKPROOF_GENESYS_LOGIN_URL=" + d.SimURL, "GENESYS_CLIENT_ID=hookproof-demo",
			"GENESYS_CLIENT_SECRET=demo-client-secret-of-the-simulator", "HOOKPROOF_ALLOW_PRIVATE_TARGETS=true"}
	}
	d.Provisioner, err = d.role("provisioner", "provisioner", genesys...)
	return err
}

func (d *Deployment) startSim() error {
	listen, err := cluster.FreeAddr()
	if err != nil {
		return err
	}
	d.SimURL = "http://" + listen
	d.Sim = d.process("sim", []string{"sim"}, []string{"HOOKPROOF_SIM_LISTEN=" + listen, "HOOKPROOF_SIM_RATE=1", "HOOKPROOF_SIM_INSECURE_TARGETS=true"})
	return nil
}

// role starts a role on a link of its own to the servers.
func (d *Deployment) role(name, command string, env ...string) (*Process, error) {
	link, err := d.Cluster.Link(name)
	if err != nil {
		return nil, err
	}
	admin, err := cluster.FreeAddr()
	if err != nil {
		return nil, err
	}
	p := d.process(name, []string{command}, append(env, "NATS_URL="+link.URL(), "HOOKPROOF_ADMIN_LISTEN="+admin, "HOOKPROOF_AUDIT=off"))
	p.Admin = admin
	return p, nil
}

func (d *Deployment) process(name string, args, env []string) *Process {
	p := &Process{Name: name, argv: append([]string{d.Hookproof}, args...), env: slices.Concat(d.env(), env),
		log: filepath.Join(d.Dir, name+".log"), changed: make(chan struct{}), done: make(chan struct{}),
		onStrike: func(failpoint string) { d.Struck("killed at a failpoint", name+" at "+failpoint) },
		onCrash: func(p *Process, detail string) {
			d.rec.Crash(history.Crash{Process: p.Name, Detail: detail, At: time.Now()})
		}}
	go p.run()
	return p
}

// env is what every process of hookproof gets, and nothing of this process's own.
func (d *Deployment) env() []string {
	return slices.Concat([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.Dir, "HOOKPROOF_SECRET_DIR=" + d.secretDir(),
		"HOOKPROOF_HORIZON=" + d.Horizon.String(), "HOOKPROOF_REPLICAS=" + strconv.Itoa(d.Nodes)}, d.Env)
}

// DiskDir is where the first server keeps its streams.
func (d *Deployment) DiskDir() string { return filepath.Join(d.Dir, "n1") }

func (d *Deployment) secretDir() string { return filepath.Join(d.Dir, "secrets") }

// Setup runs hookproof setup, straight to the servers.
func (d *Deployment) Setup(ctx context.Context) error {
	args := []string{"setup", "--nats-url", d.Cluster.URL()}
	if d.MaxStorage > 0 {
		args = append(args, "--max-storage", strconv.FormatInt(d.MaxStorage, 10))
	}
	return d.command(ctx, args...)
}

func (d *Deployment) command(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, d.Hookproof, args...)
	cmd.Env = d.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("hookproof %s: %w: %s", args[0], err, out[max(0, len(out)-2000):])
	}
	return nil
}

// Struck records a blow.
func (d *Deployment) Struck(name, detail string) {
	d.rec.Fault(history.Fault{Name: name, Detail: detail, At: time.Now()})
}

// Roles returns every role but the simulator.
func (d *Deployment) Roles() []*Process {
	return append([]*Process{d.Ingress, d.Provisioner}, d.Verifiers...)
}

// Close ends every process. Files and logs stay.
func (d *Deployment) Close() {
	for _, p := range append([]*Process{d.Ingress, d.Provisioner, d.Sim}, d.Verifiers...) {
		if p != nil {
			p.Close()
		}
	}
	if d.Admin != nil {
		d.Admin.Close()
	}
	if d.Cluster != nil {
		_ = d.Cluster.Close() // what is left of it cannot be helped
	}
	if d.DiskBytes > 0 {
		unmountDisk(d.DiskDir())
	}
}

// newSecret makes a secret in the form that every scheme takes.
func newSecret(webhook string, n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "the secret %d of %s, for tests", n, webhook))
}
