package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// webhookBlock is an indented block that shows a webhook's file.
var webhookBlock = regexp.MustCompile(`(?m)^    webhook: .*\n(?:    .+\n)*`)

// TestREADMEWebhooks applies what the README shows as webhook files.
func TestREADMEWebhooks(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := webhookBlock.FindAllString(string(readme), -1)
	if len(blocks) != 3 {
		t.Errorf("the README shows %d webhook files, want 3", len(blocks))
	}
	for _, b := range blocks {
		w, err := webhook.ParseFile("webhook.yaml", []byte(b))
		if err := webhook.Merge(err, w.Check(webhook.Options{})); err != nil {
			t.Errorf("%v in\n%s", err, b)
		}
	}
}

// TestREADMESchemes holds the README's table of schemes against what each scheme is.
func TestREADMESchemes(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	_, table, _ := strings.Cut(string(readme), "\n| `scheme` |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` (\\|.*)$").FindAllStringSubmatch(table, -1) {
		rows[m[1]] = m[2]
	}
	names := []string{signature.NameGenesysWebhook, signature.NameGenesysOpenMessaging, signature.NameStandardWebhooks}
	if _, ok := rows[signature.NameCustom]; !ok || len(rows) != len(names)+1 {
		t.Errorf("the table has %d rows, want %d and one for custom", len(rows), len(names))
	}
	for _, name := range names {
		s := scheme(t, name)
		header, at, known := s.SignatureHeader, "", "24 h"
		if s.Prefix != "" {
			header += ": " + s.Prefix
		}
		header = "`" + header + "`, " + string(s.Encoding)
		if s.List {
			header += ", a list"
		}
		if s.TimestampHeader != "" {
			at = "`" + s.TimestampHeader + "`, " + string(s.TimestampUnit)
		} else {
			at = "`" + s.TimestampField + "` in the body"
		}
		if (policy.Policy{Scheme: s}).ReplayBucket() == bus.BucketReplaySigned {
			known = "90 min"
		}
		if want := fmt.Sprintf("| %s | `%s` | %s | %s |", header, s.Signs, at, known); rows[name] != want {
			t.Errorf("%s: the README says\n%s\nwant\n%s", name, rows[name], want)
		}
	}
}

// TestLinks follows every link of the pages to a file.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("../../../deploy/*.md")
	if err != nil {
		t.Fatal(err)
	}
	nested, err := filepath.Glob("../../../deploy/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, page := range append(append(pages, nested...), "../../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range regexp.MustCompile(`\]\(([^)#]+)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(l[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), l[1])); err != nil {
				t.Errorf("%s: link to %s: %v", page, l[1], err)
			}
			n++
		}
	}
	if n < 15 {
		t.Errorf("only %d links were found", n)
	}
}

// TestMakeTargets looks for every make target that a page or a file beside it names.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("(?m)(?:`|^    |where |: )make ([a-z][a-z-]*)")
	n := 0
	check := func(path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(string(makefile), "\n"+m[1]+":") {
				t.Errorf("%s names make %s, which the Makefile does not have", path, m[1])
			}
			n++
		}
	}
	check("../../../README.md")
	err = filepath.WalkDir("../../../deploy", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "bin"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".md"), strings.HasSuffix(path, ".yaml"):
			check(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 20 {
		t.Errorf("only %d were found", n)
	}
}

// TestThreatModelNamesTests looks for every test that the threat model names.
func TestThreatModelNamesTests(t *testing.T) {
	model, err := os.ReadFile("../../../deploy/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	err = filepath.WalkDir("../../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		tests.Write(source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(string(model), -1)
	if len(named) < 40 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, m := range named {
		if !strings.Contains(tests.String(), "func "+m[1]+"(") {
			t.Errorf("there is no %s", m[1])
		}
	}
}
