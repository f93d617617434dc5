package main

import (
	"os"
	"regexp"
	"testing"

	"go.yaml.in/yaml/v4"
)

// composed is what this test reads of deploy/compose; deploy/tools/compose reads all of it.
type composed struct {
	Services map[string]struct {
		Image       string
		Command     []string
		Environment map[string]string
	}
}

// TestComposeSettings has the binary read the settings of every role, and of the setup, that the compose file starts.
func TestComposeSettings(t *testing.T) {
	content, err := os.ReadFile("../../../deploy/compose/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c composed
	if err := yaml.Unmarshal(content, &c); err != nil {
		t.Fatal(err)
	}
	preset := regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`) // what the user's environment may say instead
	for _, service := range []string{"setup", "ingress", "verifier", "provisioner"} {
		t.Run(service, func(t *testing.T) {
			s := c.Services[service]
			d := deployed{where: "compose.yaml", args: s.Command, env: map[string]string{}}
			for name, value := range s.Environment {
				d.env[name] = preset.ReplaceAllString(value, "$1")
			}
			if len(d.args) == 0 || d.args[0] != service || len(d.env) < 4 {
				t.Fatalf("the command is %q with %q", d.args, d.env)
			}
			d.check(t)
		})
	}
}
