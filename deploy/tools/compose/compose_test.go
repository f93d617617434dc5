package compose

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const file = "../../compose/compose.yaml"

// load has the loader read, check and resolve the file, as docker compose config does.
func load(t *testing.T) *types.Project {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{file}, cli.WithProfiles([]string{"cli"}), cli.WithInterpolation(true), cli.WithConsistency(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFile looks at what the loader cannot know: whether images have a release, mounted files are there, and hookproof's
// containers have no rights.
func TestFile(t *testing.T) {
	p := load(t)
	if len(p.Services) != 16 {
		t.Errorf("there are %d services, want 16", len(p.Services))
	}
	release := regexp.MustCompile(`^[a-z0-9./-]+:v?[0-9]+\.[0-9]+(\.[0-9]+)?(-alpine)?$`)
	for name, s := range p.Services {
		own := s.Image == "hookproof:local"
		if !own && !release.MatchString(s.Image) {
			t.Errorf("%s: the image %s is no certain release", name, s.Image)
		}
		if own && (s.User != "65532:65532" || !s.ReadOnly || len(s.CapDrop) != 1 || s.CapDrop[0] != "ALL" || len(s.SecurityOpt) != 1) {
			t.Errorf("%s: user %q, read-only %v, without %v, %v", name, s.User, s.ReadOnly, s.CapDrop, s.SecurityOpt)
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !v.ReadOnly {
				t.Errorf("%s may write %s", name, filepath.Base(v.Source))
			}
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on all addresses", name, port.Published)
			}
		}
	}
}

// TestAdminPort wants the console where the page says, and no other admin listener outside: each with its token.
func TestAdminPort(t *testing.T) {
	p := load(t)
	for name, s := range p.Services {
		if listen := s.Environment["HOOKPROOF_ADMIN_LISTEN"]; listen == nil {
			continue
		}
		if token := s.Environment["HOOKPROOF_ADMIN_TOKEN_FILE"]; token == nil || *token == "" {
			t.Errorf("%s has an admin listener without a token", name)
		}
		published := ""
		for _, port := range s.Ports {
			if port.Target == 9090 {
				published = port.Published
			}
		}
		if want := map[string]string{"provisioner": "9090"}[name]; published != want {
			t.Errorf("%s publishes its admin listener at %q, want %q", name, published, want)
		}
	}
}

// TestMounts wants each file of those that watch where they look for it.
func TestMounts(t *testing.T) {
	p := load(t)
	for service, targets := range map[string][]string{
		"prometheus": {"/etc/prometheus/prometheus.yaml", "/etc/prometheus/rules.yaml"},
		"collector":  {"/etc/otelcol/collector.yaml", "/etc/otelcol/listen.yaml"},
		"grafana":    {"/etc/grafana/provisioning/datasources/hookproof.yaml", "/etc/grafana/provisioning/dashboards/hookproof.yaml", "/var/lib/grafana/dashboards/dashboard.json"},
	} {
		var have []string
		for _, v := range p.Services[service].Volumes {
			have = append(have, v.Target)
		}
		for _, want := range targets {
			if !strings.Contains(strings.Join(have, "\n")+"\n", want+"\n") {
				t.Errorf("%s: nothing is mounted at %s", service, want)
			}
		}
	}
}
