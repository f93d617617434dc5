package helm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLint wants nothing from helm lint, and that a misspelt value is refused before anything is applied.
func TestLint(t *testing.T) {
	for name, sets := range variants {
		args := []string{"lint", "--strict", chart}
		for _, set := range sets {
			args = append(args, "--set", set)
		}
		if _, err := tool(t, "helm", args...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, wrong := range []string{"ingress.replica=3", "setup.replicas=2", "image.digest=sha256:12", "horizon=1hour", "ingress.route.enabled=true", "verifier.autoscaling.by=cpu", "adminToken.secret=Hookproof_Admin", "adminToken.key="} {
		if out, err := tool(t, "helm", "template", chart, "--set", wrong); err == nil {
			t.Errorf("%s was accepted:\n%.300s", wrong, out)
		}
	}
}

// TestSchemas has kubectl-validate check each object as the API server would, the objects of KEDA and of the Prometheus
// operator by their own definitions.
func TestSchemas(t *testing.T) {
	crds := t.TempDir()
	for from, name := range map[string]string{
		filepath.Join(module(t, keda), "config/crd/bases/keda.sh_scaledobjects.yaml"):                                      "keda.yaml",
		filepath.Join(module(t, prometheus), "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"): "monitoring.yaml",
	} {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(crds, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	validate := func(text string) error {
		path := filepath.Join(t.TempDir(), "objects.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := tool(t, "kubectl-validate", "--version", "1.30", "--local-crds", crds, path)
		return err
	}
	for name := range variants {
		if err := validate(render(t, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	full := render(t, "full")
	for right, wrong := range map[string]string{"readOnlyRootFilesystem:": "readOnlyRootFileSystem:", "minReplicaCount:": "minReplicas:", "path: /metrics": "paht: /metrics"} {
		if !strings.Contains(full, right) {
			t.Errorf("nothing says %q", right)
		}
		if validate(strings.Replace(full, right, wrong, 1)) == nil {
			t.Errorf("%q passes for %q", wrong, right)
		}
	}
}

// TestScore wants no critical finding of kube-score. Two of its opinions are not shared: a limit of CPU throttles a role
// while the machine is idle, and an image named by its digest need not be pulled anew.
func TestScore(t *testing.T) {
	for name := range variants {
		path := filepath.Join(t.TempDir(), "objects.yaml")
		if err := os.WriteFile(path, []byte(render(t, name)), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"score", "--ignore-container-cpu-limit", "--ignore-test", "container-image-pull-policy", "--kubernetes-version", "v1.30", path}
		if name == "least" { // which was asked for
			args = append(args, "--ignore-test", "pod-networkpolicy")
		}
		if _, err := tool(t, "kube-score", args...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
