package main

import (
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// TestHelmValues holds the chart's values against its schema, which must refuse a value that nobody reads; deploy/tools/helm
// renders the chart.
func TestHelmValues(t *testing.T) {
	const chart = "../../../deploy/helm/hookproof/"
	schema, err := jsonschema.NewCompiler().Compile(chart + "values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(chart + "values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string) error {
		var values any
		if err := yaml.Unmarshal([]byte(text), &values); err != nil {
			t.Fatal(err)
		}
		return schema.Validate(values)
	}
	if err := check(string(content)); err != nil {
		t.Errorf("values.yaml: %v", err)
	}
	for _, right := range []string{"\ningress:", "\n  trustedProxies:", "\n    environment:", "\n  seeds:"} {
		wrong := strings.Replace(string(content), strings.TrimSpace(right), strings.TrimSuffix(strings.TrimSpace(right), ":")+"X:", 1)
		if check(wrong) == nil {
			t.Errorf("values.yaml passes with another name for %q", strings.TrimSpace(right))
		}
	}
}
