package helm

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// pods returns the pod of each Deployment and Job of a variant, by the command that it runs.
func pods(t *testing.T, variant string) map[string]corev1.PodTemplateSpec {
	t.Helper()
	all := map[string]corev1.PodTemplateSpec{}
	for _, o := range objects(t, render(t, variant)) {
		var pod corev1.PodTemplateSpec
		switch o.Kind {
		case "Deployment":
			var d appsv1.Deployment
			o.as(t, &d)
			pod = d.Spec.Template
		case "Job":
			var j batchv1.Job
			o.as(t, &j)
			pod = j.Spec.Template
		default:
			continue
		}
		if len(pod.Spec.Containers) != 1 || len(pod.Spec.Containers[0].Args) == 0 {
			t.Fatalf("%s: %d containers, want one with a command", o.Metadata.Name, len(pod.Spec.Containers))
		}
		all[pod.Spec.Containers[0].Args[0]] = pod
	}
	return all
}

// TestRestricted has the evaluator of the Pod Security Standards judge each pod by its strictest level.
func TestRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for variant := range variants {
		for command, pod := range pods(t, variant) {
			for _, r := range evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec) {
				if !r.Allowed {
					t.Errorf("%s %s: %s (%s)", variant, command, r.ForbiddenReason, r.ForbiddenDetail)
				}
			}
		}
	}
}

// TestCommands runs what each pod runs, with its variables, but for keys and a server of the test's own. The binary must
// read each variable and accept each value: it then ends because no server answers.
func TestCommands(t *testing.T) {
	stand := keys(t)
	for variant := range variants {
		for command, pod := range pods(t, variant) {
			t.Run(variant+" "+command, func(t *testing.T) { runs(t, pod.Spec, stand) })
		}
	}
	if n := len(pods(t, "full")); n != 4 {
		t.Errorf("there are %d commands, want the three roles and the setup", n)
	}
}

func runs(t *testing.T, pod corev1.PodSpec, stand map[string]string) {
	t.Helper()
	c := pod.Containers[0]
	cmd := exec.Command(program(t, "hookproof"), c.Args...)
	reads := variables(t, c.Args[0])
	for _, e := range c.Env {
		if !reads(e.Name) {
			t.Errorf("hookproof %s does not read %s", c.Args[0], e.Name)
		}
		value := e.Value
		if own, ok := stand[e.Name]; ok {
			if strings.HasPrefix(value, "/") && !mounted(pod, value) {
				t.Errorf("%s is %s, where nothing is mounted", e.Name, value)
			}
			value = own
		}
		switch {
		case e.ValueFrom == nil:
		case e.ValueFrom.ResourceFieldRef != nil: // a number of bytes
			value = "536870912"
		default:
			value = "from a Secret"
		}
		cmd.Env = append(cmd.Env, e.Name+"="+value)
	}
	for _, e := range c.EnvFrom {
		if !reads(e.Prefix + "ORDERS") {
			t.Errorf("hookproof %s does not read variables %s*", c.Args[0], e.Prefix)
		}
	}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "connect to "+stand["NATS_URL"]+": nats: no servers available") {
		t.Errorf("%q = %v, want that it ends for want of a server:\n%s", c.Args, err, out)
	}
}

// mounted reports whether a file is one that a volume has.
func mounted(pod corev1.PodSpec, path string) bool {
	for _, m := range pod.Containers[0].VolumeMounts {
		name, below := strings.CutPrefix(path, m.MountPath+"/")
		for _, v := range pod.Volumes {
			if below && v.Name == m.Name && v.Secret != nil && v.Secret.Items[0].Path == name {
				return true
			}
		}
	}
	return false
}

// variables reports which variables a command reads: those of its help, and those that have no flag.
func variables(t *testing.T, command string) func(string) bool {
	t.Helper()
	help, err := tool(t, "hookproof", command, "--help")
	if err != nil {
		t.Fatal(err)
	}
	noFlag := `OTEL_[A-Z_]+|GOMEMLIMIT`
	switch command {
	case "provisioner":
		noFlag += `|HOOKPROOF_SECRET_[A-Z]+|GENESYS_CLIENT_(ID|SECRET)`
	case "verifier":
		noFlag += `|HOOKPROOF_SECRET_[A-Z]+`
	}
	own := regexp.MustCompile("^(" + noFlag + ")$")
	return func(name string) bool {
		return own.MatchString(name) || regexp.MustCompile(`\$`+name+`\b`).MatchString(help)
	}
}

// keys makes the files that variables name.
func keys(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{{"nats-keys", "--dir", dir}, {"keygen", "--xkey-file", filepath.Join(dir, "pool.xkey")}} {
		if _, err := tool(t, "hookproof", args...); err != nil {
			t.Fatal(err)
		}
	}
	certify(t, dir)
	token := filepath.Join(dir, "admin.token")
	if err := os.WriteFile(token, []byte(adminToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"NATS_URL": "nats://127.0.0.1:1", "NATS_NKEY": filepath.Join(dir, "verifier.nk"), "NATS_CA": filepath.Join(dir, "server.pem"),
		"HOOKPROOF_XKEY_FILE": filepath.Join(dir, "pool.xkey"), tokenFile: token}
}

// TestProbes asks the real binary, which has an admin token, for every path that Kubernetes or Prometheus would ask for:
// neither sends the token.
func TestProbes(t *testing.T) {
	paths := map[string]bool{"/metrics": true} // the ServiceMonitor's
	for command, pod := range pods(t, "full") {
		c := pod.Spec.Containers[0]
		for _, p := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
			if command == "setup" {
				continue
			}
			if p == nil || p.HTTPGet == nil || p.HTTPGet.Port.StrVal != "admin" {
				t.Fatalf("%s: a probe is missing, or is not on the port admin", command)
			}
			paths[p.HTTPGet.Path] = true
		}
	}
	if len(paths) != 3 {
		t.Errorf("the paths are %v, want three", paths)
	}
	admin := freeAddress(t)
	cmd := exec.Command(program(t, "hookproof"), "all", "--listen", freeAddress(t), "--admin-listen", admin, "--nats-listen", "", "--data-dir", t.TempDir())
	cmd.Env = append(os.Environ(), tokenFile+"="+keys(t)[tokenFile])
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Signal(syscall.SIGTERM) }()
	for path := range paths {
		eventually(t, path+" answers 200", func() bool {
			res, err := http.Get("http://" + admin + path)
			if err != nil {
				return false
			}
			defer res.Body.Close()
			return res.StatusCode == http.StatusOK
		})
	}
	asksForToken(t, "http://"+admin)
}

// TestGrace wants each role to have longer than it may take to finish what it has in hand: the longest drain, then the
// last spans, then the admin listener, as the sources say.
func TestGrace(t *testing.T) {
	var longest time.Duration
	for _, f := range [][2]string{{"ingress/server.go", `cfg\.Drain = (\d+) \* time\.Second`}, {"verifier/verifier.go", `cfg\.Drain = (\d+) \* time\.Second`}} {
		longest = max(longest, seconds(t, f[0], f[1]))
	}
	need := longest + seconds(t, "pkg/cmd/hookproof/roles.go", `telemetryFlush = (\d+) \* time\.Second`) + seconds(t, "pkg/admin/admin.go", `drainTimeout = (\d+) \* time\.Second`) +
		seconds(t, "pkg/bus/bus.go", `closeFlush += (\d+) \* time\.Second`)
	for command, pod := range pods(t, "full") {
		if command == "setup" {
			continue
		}
		grace := time.Duration(*pod.Spec.TerminationGracePeriodSeconds) * time.Second
		if l := pod.Spec.Containers[0].Lifecycle; l != nil {
			grace -= time.Duration(l.PreStop.Sleep.Seconds) * time.Second
		}
		if grace <= need {
			t.Errorf("%s has %s to stop, and may need %s", command, grace, need)
		}
	}
}

func seconds(t *testing.T, path, pattern string) time.Duration {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(pattern).FindSubmatch(source)
	if m == nil {
		t.Fatalf("%s does not say %s", path, pattern)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * time.Second
}

// freeAddress returns an address on which nobody listens, with a port below those that the kernel gives away: the tests that run
// beside these take many of them.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.N(20000))); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(fmt.Sprint(what, ": not after a minute"))
		}
	}
}
