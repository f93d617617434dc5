package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

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

// TestREADMELinks follows every link of the README to a file.
func TestREADMELinks(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(string(readme), -1)
	if len(links) < 10 {
		t.Errorf("only %d links were found", len(links))
	}
	for _, l := range links {
		if strings.Contains(l[1], "://") {
			continue
		}
		if _, err := os.Stat("../../../" + l[1]); err != nil {
			t.Errorf("link to %s: %v", l[1], err)
		}
	}
}
