package compose

import (
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// parse reads one of the files that are mounted, and refuses what v does not name.
func parse(t *testing.T, name string, v any) {
	t.Helper()
	content, err := os.ReadFile("../../compose/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Load(content, v, yaml.WithKnownFields()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestGrafana wants Grafana's sources to be services of the stack, and its dashboards where they are mounted.
func TestGrafana(t *testing.T) {
	p := load(t)
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, Type, UID, URL, Access string
			IsDefault                    bool `yaml:"isDefault"`
		}
	}
	parse(t, "grafana/datasources.yaml", &sources)
	for _, s := range sources.Datasources {
		u, err := url.Parse(s.URL)
		if err != nil || s.Type != p.Services[u.Hostname()].Name {
			t.Errorf("the source %s of type %s is at %s, %v", s.Name, s.Type, s.URL, err)
		}
	}
	var dashboards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type      string
			DisableDeletion bool `yaml:"disableDeletion"`
			Options         struct{ Path string }
		}
	}
	parse(t, "grafana/dashboards.yaml", &dashboards)
	mounted := false
	for _, v := range p.Services["grafana"].Volumes {
		mounted = mounted || path.Dir(v.Target) == dashboards.Providers[0].Options.Path
	}
	if !mounted || sources.APIVersion != 1 || dashboards.APIVersion != 1 || len(sources.Datasources) != 2 {
		t.Errorf("no dashboard is mounted in %s, or the files are of another version", dashboards.Providers[0].Options.Path)
	}
}

// TestScraped wants Prometheus to look for every role, by its service's name and at its admin port.
func TestScraped(t *testing.T) {
	p := load(t)
	var config struct {
		Scrape []struct {
			DNS []struct {
				Names []string
				Port  int
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	content, err := os.ReadFile("../../compose/prometheus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Load(content, &config); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, s := range config.Scrape {
		for _, d := range s.DNS {
			for _, name := range d.Names {
				found = append(found, name)
				if listen := p.Services[name].Environment["HOOKPROOF_ADMIN_LISTEN"]; listen == nil || *listen != ":9090" || d.Port != 9090 {
					t.Errorf("%s is looked for at port %d", name, d.Port)
				}
			}
		}
	}
	slices.Sort(found)
	if !slices.Equal(found, []string{"ingress", "provisioner", "verifier"}) {
		t.Errorf("Prometheus looks for %q", found)
	}
	store, _, _ := strings.Cut(*p.Services["collector"].Environment["TRACE_STORE"], ":")
	if _, ok := p.Services[store]; !ok {
		t.Errorf("the collector sends to %s, which is no service", store)
	}
}
