package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages are what operators type from.
var pages = []string{"production.md", "compose/README.md", "helm/hookproof/README.md", "nats/README.md"}

// TestPagesCommands looks every hookproof command and flag of the pages up in its --help, and every variable in what the
// commands, or the NATS configuration, read.
func TestPagesCommands(t *testing.T) {
	command := regexp.MustCompile(`(?m)(?:^|[\s/])hookproof ([a-z][a-z-]*)((?: +[^\s|;&]+)*)`)
	variable := regexp.MustCompile(`\b((?:HOOKPROOF|NATS|GENESYS|OTEL)_[A-Z0-9_]+)\b`)
	helps := map[string]string{}
	known := variablesOfAll(t)
	for _, page := range pages {
		text := strings.NewReplacer("-n hookproof ", "", "namespace hookproof ", "", "--install hookproof ", "").Replace(codeOf(t, page)) // names in Kubernetes
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			help, ok := helps[m[1]]
			if !ok {
				out, err := exec.Command("hookproof", m[1], "--help").CombinedOutput()
				if err != nil {
					t.Errorf("%s: hookproof %s: %v", page, m[1], err)
				}
				help = string(out)
				helps[m[1]] = help
			}
			for _, flag := range regexp.MustCompile(`--[a-z][a-z-]*`).FindAllString(m[2], -1) {
				if !regexp.MustCompile(flag + `\b`).MatchString(help) {
					t.Errorf("%s: hookproof %s has no %s", page, m[1], flag)
				}
			}
		}
		for _, m := range variable.FindAllStringSubmatch(text, -1) {
			if !known(m[1]) {
				t.Errorf("%s: nothing reads %s", page, m[1])
			}
		}
	}
	if len(helps) < 8 {
		t.Errorf("only %d commands were found", len(helps))
	}
}

// codeOf returns the indented lines of a page, and what stands between backticks in the others.
func codeOf(t *testing.T, page string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../../../deploy", page))
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(string(content), "\\\n", "")) {
		if strings.HasPrefix(line, "    ") {
			code.WriteString(line)
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			code.WriteString(m[1] + "\n")
		}
	}
	return code.String()
}

// variablesOfAll reports which variables are read by anybody.
func variablesOfAll(t *testing.T) func(string) bool {
	t.Helper()
	var conf strings.Builder
	for _, path := range []string{"nats/nats-server.conf", "nats/cluster.conf", "compose/compose.yaml"} {
		content, err := os.ReadFile(filepath.Join("../../../deploy", path))
		if err != nil {
			t.Fatal(err)
		}
		conf.Write(content)
	}
	var commands []func(string) bool
	for _, c := range []string{"all", "ingress", "verifier", "provisioner", "setup", "apply", "seal", "tail", "send"} {
		commands = append(commands, variables(t, c))
	}
	return func(name string) bool {
		for _, reads := range commands {
			if reads(name) {
				return true
			}
		}
		return regexp.MustCompile(`\$\{?` + name + `\b`).MatchString(conf.String())
	}
}
