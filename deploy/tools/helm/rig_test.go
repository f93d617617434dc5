package helm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"
)

const (
	root  = "../../.."
	chart = root + "/deploy/helm/hookproof"
)

// tools are built below bin when a test first needs them: each is a command that builds one, at its release or of this
// repository. To build kubectl-validate and kube-score takes minutes, which a run without their tests is spared.
var tools = map[string]func() error{
	"helm":             installed("helm.sh/helm/v4/cmd/helm@v4.3.1"),
	"kubectl-validate": installed("sigs.k8s.io/kubectl-validate@v0.0.4"),
	"kube-score":       installed("github.com/zegl/kube-score/cmd/kube-score@v1.20.0"),
	"hookproof":        built("hookproof", "./pkg/cmd/hookproof"),
	"nats-server":      built("nats-server", "github.com/nats-io/nats-server/v2"),
}

// definitions are the releases that the objects of others are defined by.
const (
	keda       = "github.com/kedacore/keda/v2@v2.21.0"
	prometheus = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
)

// installed returns what installs a release of a tool, once.
func installed(release string) func() error {
	return sync.OnceValue(func() error {
		bin, err := filepath.Abs("bin")
		if err != nil {
			return err
		}
		cmd := exec.Command("go", "install", release)
		cmd.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=")
		return run(cmd)
	})
}

// built returns what builds a command as this repository has it, once.
func built(name, pkg string) func() error {
	return sync.OnceValue(func() error {
		bin, err := filepath.Abs("bin")
		if err != nil {
			return err
		}
		cmd := exec.Command("go", "build", "-o", filepath.Join(bin, name), pkg)
		cmd.Dir = root
		return run(cmd)
	})
}

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%q: %w\n%s", cmd.Args, err, out)
	}
	return nil
}

// program returns where a tool is, once it is built.
func program(t *testing.T, tool string) string {
	t.Helper()
	if err := tools[tool](); err != nil {
		t.Fatal(err)
	}
	return filepath.Join("bin", tool)
}

// tool runs one of the tools and returns what it printed.
func tool(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(program(t, name), args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %q: %w\n%s%s", name, args, err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

// module returns where a module's files are, as a release has them.
func module(t *testing.T, path string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", path)
	cmd.Dir = t.TempDir()
	out, err := cmd.Output()
	var m struct{ Dir string }
	if err := json.Unmarshal(out, &m); err != nil || m.Dir == "" {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m.Dir
}

// variants are the ways in which the chart is rendered.
var variants = map[string][]string{
	"default": nil,
	"full": {"verifier.autoscaling.by=keda", "metrics.serviceMonitor.enabled=true", "metrics.serviceMonitor.labels.release=prometheus",
		"ingress.route.enabled=true", "ingress.route.host=hooks.example.com", "ingress.route.tlsSecret=hooks-tls", "ingress.trustedProxies={10.0.0.0/8}",
		"otel.endpoint=http://collector.observability.svc:4318", "provisioner.genesys.secret=hookproof-genesys", "webhookSecrets=hookproof-webhooks",
		"adminToken.secret=hookproof-admin", "adminToken.key=password",
		"verifier.env.GOMEMLIMIT=400MiB", "image.digest=sha256:" + strings.Repeat("ab", 32)},
	"least": {"verifier.autoscaling.by=none", "ingress.autoscaling.enabled=false", "setup.enabled=false", "networkPolicy.enabled=false", "nats.ca.secret="},
}

// render returns the chart's objects as text, as Helm would apply them.
func render(t *testing.T, variant string) string {
	t.Helper()
	args := []string{"template", "hooks", chart, "--namespace", "hookproof", "--kube-version", "1.30.0"}
	for _, set := range variants[variant] {
		args = append(args, "--set", set)
	}
	out, err := tool(t, "helm", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// object is what every object has, and its source.
type object struct {
	APIVersion string
	Kind       string
	Metadata   struct{ Name string }
	source     []byte
}

// objects splits what was rendered.
func objects(t *testing.T, rendered string) (all []object) {
	t.Helper()
	for text := range strings.SplitSeq(rendered, "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if o.Kind == "" {
			continue
		}
		o.source = []byte(text)
		all = append(all, o)
	}
	return all
}

// as reads an object's source into v.
func (o object) as(t *testing.T, v any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(o.source, v); err != nil {
		t.Fatalf("%s %s: %v", o.Kind, o.Metadata.Name, err)
	}
}
