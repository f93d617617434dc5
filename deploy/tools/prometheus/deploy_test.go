package prometheus

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

const root = "../../.."

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// query is a PromQL expression and where it stands.
type query struct{ where, expr string }

// TestRules runs what promtool says of the rules and of their tests.
func TestRules(t *testing.T) {
	rules, err := filepath.Abs(filepath.Join(root, "deploy/prometheus"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", filepath.Join(rules, "rules.yaml")},
		{"test", "rules", filepath.Join(rules, "rules_test.yaml")},
	} {
		if out, err := exec.Command("go", append([]string{"tool", "promtool"}, args...)...).CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
	}
}

// TestQueries parses every query of the rules and of the dashboard, and looks up each metric and label in what hookproof
// shows at /metrics.
func TestQueries(t *testing.T) {
	names := metricNames(t)
	queries := slices.Concat(ruleQueries(t), dashboardQueries(t))
	if len(queries) < 30 {
		t.Errorf("only %d queries were found", len(queries))
	}
	for _, q := range queries {
		// The dashboard's variables are replaced as Grafana does it.
		text := strings.NewReplacer("$__rate_interval", "5m", "$webhook", ".*").Replace(q.expr)
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
		if err != nil {
			t.Errorf("%s: %v in %s", q.where, err, text)
			continue
		}
		for _, selectors := range parser.ExtractSelectors(expr) {
			for _, m := range selectors {
				if m.Name == "__name__" && !names[m.Value] {
					t.Errorf("%s: there is no metric %s", q.where, m.Value)
				}
			}
		}
	}
}

func metricNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{"ALERTS": true} // Prometheus's own
	for line := range strings.Lines(string(read(t, "testdata/metric-names.txt"))) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); name != "" && name[0] != '#' {
			names[name] = true
		}
	}
	return names
}

type ruleFile struct {
	Groups []struct {
		Rules []struct{ Alert, Expr string }
	}
}

func rules(t *testing.T) (file ruleFile) {
	t.Helper()
	if err := yaml.Unmarshal(read(t, "deploy/prometheus/rules.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func ruleQueries(t *testing.T) (out []query) {
	for _, g := range rules(t).Groups {
		for _, r := range g.Rules {
			out = append(out, query{r.Alert, r.Expr})
		}
	}
	return out
}

// dashboardQueries returns every "expr" wherever it stands in the dashboard.
func dashboardQueries(t *testing.T) (out []query) {
	t.Helper()
	var dashboard any
	if err := json.Unmarshal(read(t, "deploy/grafana/dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	var walk func(where string, v any)
	walk = func(where string, v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(where, e)
			}
		case map[string]any:
			if title, ok := v["title"].(string); ok {
				where = title
			}
			for name, e := range v {
				if text, ok := e.(string); ok && name == "expr" {
					out = append(out, query{"panel " + where, text})
				}
				walk(where, e)
			}
		}
	}
	walk("dashboard", dashboard)
	return out
}

// TestAlertsAreTested wants each alert in the rules' tests, once at least where it fires and once where it must not.
func TestAlertsAreTested(t *testing.T) {
	text := string(read(t, "deploy/prometheus/rules_test.yaml"))
	for _, g := range rules(t).Groups {
		for _, r := range g.Rules {
			at := regexp.MustCompile(`expr: 'ALERTS\{alertname="` + r.Alert + `",alertstate="firing"\}'\n +exp_samples:( \[\])?`)
			fires, silent := false, false
			for _, m := range at.FindAllStringSubmatch(text, -1) {
				fires, silent = fires || m[1] == "", silent || m[1] != ""
			}
			if !fires || !silent {
				t.Errorf("%s: tested where it fires %t, where it must not %t", r.Alert, fires, silent)
			}
		}
	}
}

// TestRunbook wants a section for each alert, and one for each reason that the message format knows.
func TestRunbook(t *testing.T) {
	runbook := string(read(t, "deploy/runbook.md"))
	var want []string
	for _, g := range rules(t).Groups {
		for _, r := range g.Rules {
			want = append(want, r.Alert)
		}
	}
	reasons := regexp.MustCompile(`Reason += "([A-Z_]+)"`).FindAllStringSubmatch(string(read(t, "pkg/event/names.go")), -1)
	if len(reasons) < 13 {
		t.Fatalf("only %d reasons were found", len(reasons))
	}
	for _, m := range reasons {
		want = append(want, m[1])
	}
	for _, name := range want {
		if !strings.Contains(runbook, "\n### "+name+"\n") {
			t.Errorf("the runbook has no section %s", name)
		}
	}
}
