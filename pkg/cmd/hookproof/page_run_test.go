package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// step says what to expect of the commands of a page that hold a text, where the page has no marker for it. What no step
// speaks of has to end with 0.
type step struct {
	on         string
	notRun     string            // why not
	background string            // as the marker
	until      []string          // as the marker; all of them
	exits      int               // as the marker
	prints     string            // a regular expression that its output matches
	again      bool              // it is typed again until it is as expected, because what it looks for comes by itself
	with       *strings.Replacer // what the reader fills in
	then       func()            // called once it is as expected
}

// openClone clones the repository and opens a terminal there, in a network of its own, with hookproof on the path once it is
// built. What the commands of the page fetch by "go run" was fetched before. It returns nil in the test that only started the
// one that does the work; the caller then returns, and otherwise closes the terminal.
func openClone(t *testing.T, page string, env ...string) *terminal {
	t.Helper()
	if !inside() {
		inNamespace(t, withoutNetwork(t, readBlocks(t, page))...)
		return nil
	}
	dir := filepath.Join(t.TempDir(), "hookproof")
	clone(t, dir)
	return newTerminal(t, dir, append(env, "PATH="+filepath.Join(dir, ".hookproof")+":"+os.Getenv("PATH"), "HOME="+t.TempDir())...)
}

// runPage types every command of a page into a terminal. Files that the page shows are written beside, under the name of
// their webhook, and given to file.
func runPage(t *testing.T, x *terminal, page string, steps []step, file func(name string)) {
	t.Helper()
	used := map[string]bool{}
	for _, b := range readBlocks(t, page) {
		if b.isFile() {
			if b.marker != "not run" {
				writeShown(t, x.dir, b, file)
			}
			continue
		}
		for _, command := range b.commands(t) {
			s := b.step(t)
			for _, candidate := range steps {
				if strings.Contains(command, candidate.on) {
					if s.on = candidate.on; b.marker == "" {
						s = candidate
					}
					used[candidate.on] = true
					break
				}
			}
			begun := time.Now()
			s.take(t, x, fmt.Sprintf("%s:%d", filepath.Base(page), b.line), command)
			if t.Failed() {
				t.FailNow()
			}
			t.Logf("%s:%d: %s %s: %s", filepath.Base(page), b.line, time.Since(begun).Round(time.Millisecond), s.how(), command)
		}
	}
	for _, s := range steps {
		if !used[s.on] {
			t.Errorf("%s has no command with %q any more", page, s.on)
		}
	}
}

func (s step) how() string {
	if s.notRun != "" {
		return "not run, " + s.notRun
	}
	return "run"
}

// step returns what a block's marker asks for.
func (b block) step(t *testing.T) (s step) {
	t.Helper()
	switch b.marker {
	case "not run":
		s.notRun = b.detail
	case "background":
		s.background = b.detail
	case "until":
		s.until = []string{b.detail}
	case "exits":
		if _, err := fmt.Sscan(b.detail, &s.exits); err != nil {
			t.Errorf("line %d: exits: %q is no exit code", b.line, b.detail)
		}
	}
	return s
}

func (s step) take(t *testing.T, x *terminal, place, command string) {
	t.Helper()
	if s.with != nil {
		command = s.with.Replace(command)
	}
	switch {
	case s.notRun != "":
		return
	case s.background != "":
		x.inBackground(command, s.background)
	case s.until != nil:
		x.until(command, s.until...)
	default:
		s.typed(t, x, place, command)
	}
	if s.then != nil {
		s.then()
	}
}

func (s step) typed(t *testing.T, x *terminal, place, command string) {
	t.Helper()
	prints := regexp.MustCompile(s.prints)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		output, code := x.run(command)
		if code == s.exits && prints.MatchString(output) {
			return
		}
		if !s.again || time.Now().After(deadline) {
			t.Errorf("%s: %s\nended with %d, want %d, and printed what has to match %q:\n%s", place, command, code, s.exits, s.prints, output)
			return
		}
	}
}

// writeShown writes the files that a block shows, which blank lines divide.
func writeShown(t *testing.T, dir string, b block, file func(name string)) {
	t.Helper()
	for text := range strings.SplitSeq(b.text, "\n\n") {
		m := regexp.MustCompile(`(?m)^webhook: *([A-Za-z0-9_-]+)`).FindStringSubmatch(text)
		if m == nil {
			continue // a file of another program
		}
		name := m[1] + ".yaml"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		file(name)
	}
}

// clone makes a clean clone of the repository, with the changes to it that are not committed yet.
func clone(t *testing.T, dir string) {
	t.Helper()
	const script = `set -eu
git clone -q . "$0"
git diff --binary HEAD | git -C "$0" apply --allow-empty --whitespace=nowarn
git ls-files -z --others --exclude-standard | xargs -0 -r cp --parents -t "$0"`
	cmd := exec.Command("bash", "-c", script, dir)
	cmd.Dir = "../../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git clone of the working tree: %v\n%s", err, out)
	}
}

// withoutNetwork fetches what the commands of a page would, and returns the environment in which they find it: a newcomer has
// a network, and a test in a network of its own has not.
func withoutNetwork(t *testing.T, blocks []block) []string {
	t.Helper()
	for _, b := range blocks {
		if b.isFile() || b.marker == "not run" {
			continue
		}
		for _, tool := range regexp.MustCompile(`go run (\S+@v\S+)`).FindAllStringSubmatch(b.text, -1) {
			if out, err := exec.Command("go", "run", tool[1], "--help").CombinedOutput(); err != nil {
				t.Fatalf("go run %s: %v\n%s", tool[1], err, out)
			}
		}
	}
	out, err := exec.Command("go", "env", "GOMODCACHE", "GOCACHE", "GOPATH").Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs := strings.Fields(string(out))
	return []string{"GOPROXY=file://" + dirs[0] + "/cache/download", "GONOSUMDB=*", "GOMODCACHE=" + dirs[0],
		"GOCACHE=" + dirs[1], "GOPATH=" + dirs[2]}
}
