package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxExposure is the worst score, in tenths, that systemd-analyze may give to a unit: a service with no hardening has 96.
const maxExposure = "15"

// TestSystemdUnits has systemd read each unit and score its hardening, and the binary read each unit's settings.
func TestSystemdUnits(t *testing.T) {
	units, err := filepath.Glob("../../../deploy/systemd/*.service")
	if err != nil || len(units) != 4 {
		t.Fatalf("there are %d units, %v, want 4", len(units), err)
	}
	for _, path := range units {
		t.Run(filepath.Base(path), func(t *testing.T) {
			u := readUnit(t, path)
			u.analyse(t)
			u.credentials(t)
			u.command(t).check(t)
		})
	}
}

// unit is a unit's settings in their order, and its file with a program that is there.
type unit struct {
	path     string
	settings [][2]string
}

func readUnit(t *testing.T, path string) unit {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const installed = "ExecStart=/usr/local/bin/hookproof "
	if !bytes.Contains(content, []byte(installed)) {
		t.Errorf("it does not start the binary where the documents install it")
	}
	program, err := exec.LookPath("hookproof")
	if err != nil {
		t.Fatal(err)
	}
	u := unit{path: filepath.Join(t.TempDir(), filepath.Base(path))}
	content = bytes.ReplaceAll(content, []byte(installed), []byte("ExecStart="+program+" "))
	if err := os.WriteFile(u.path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && name[0] != '#' {
			u.settings = append(u.settings, [2]string{name, value})
		}
	}
	return u
}

// analyse runs systemd-analyze, which is in the package systemd. A setting that systemd does not know is a line of verify.
func (u unit) analyse(t *testing.T) {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", u.path).CombinedOutput()
	if err != nil || strings.Contains(string(out), u.path) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+maxExposure, u.path).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// credentials wants the admin token among the files that the unit hands over, and each of them, and no other, in a variable.
func (u unit) credentials(t *testing.T) {
	t.Helper()
	var loaded, named []string
	for _, s := range u.settings {
		switch s[0] {
		case "LoadCredential":
			name, _, _ := strings.Cut(s[1], ":")
			loaded = append(loaded, name)
		case "Environment":
			for _, m := range regexp.MustCompile(`([A-Z_]+)=%d/(\S+)`).FindAllStringSubmatch(s[1], -1) {
				named = append(named, m[2])
				if m[1] == "HOOKPROOF_ADMIN_TOKEN_FILE" && m[2] != "admin.token" || m[1] != "HOOKPROOF_ADMIN_TOKEN_FILE" && m[2] == "admin.token" {
					t.Errorf("%s is %s", m[1], m[2])
				}
			}
		}
	}
	slices.Sort(loaded)
	slices.Sort(named)
	if !slices.Equal(loaded, named) || !slices.Contains(loaded, "admin.token") {
		t.Errorf("the unit loads %q and names %q, want the same with admin.token", loaded, named)
	}
}

// command returns what the unit starts, with the example of its environment file.
func (u unit) command(t *testing.T) deployed {
	t.Helper()
	d := deployed{where: filepath.Base(u.path), env: map[string]string{"NATS_URL": ""}}
	set := func(text string) {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			t.Errorf("%s: %q sets nothing", d.where, text)
		}
		d.env[name] = value
	}
	for _, s := range u.settings {
		switch s[0] {
		case "ExecStart":
			d.args = strings.Fields(s[1])[1:]
		case "Environment":
			for _, text := range strings.Fields(s[1]) {
				set(text)
			}
		case "EnvironmentFile":
			for _, line := range lines(t, filepath.Join("systemd", filepath.Base(s[1]))) {
				set(line)
			}
		}
	}
	return d
}
