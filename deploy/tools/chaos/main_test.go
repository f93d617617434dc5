package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/deploy/tools/chaos/check"
	"github.com/hookproof/hookproof/deploy/tools/chaos/nemesis"
)

// TestDocument holds that the operators' page names every scenario and every set, none that is not there, and how many make chaos runs.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../faults.md")
	if err != nil {
		t.Fatal(err)
	}
	one, err := choose("all", 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("every scenario on one nats-server, %d, then those and %d more on three", len(one), len(nemesis.All())-len(one)); !strings.Contains(string(text), want) {
		t.Errorf("faults.md does not say: %s", want)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)`").FindAllSubmatch(text, -1) {
		named[string(m[1])] = true
	}
	want := map[string]bool{}
	for _, s := range nemesis.All() {
		want[s.Name] = true
		if s.Strikes == "" || s.Promise == "" || s.Strike == nil {
			t.Errorf("%s: says nothing, or does nothing", s.Name)
		}
	}
	for _, set := range check.Sets() {
		want[set] = true
	}
	delete(want, check.Inert) // it stands in the text
	if !maps.Equal(named, want) {
		t.Errorf("faults.md names %v, want %v", slices.Sorted(maps.Keys(named)), slices.Sorted(maps.Keys(want)))
	}
}

func TestChoose(t *testing.T) {
	names := func(text string, nodes int) (out []string) {
		t.Helper()
		all, err := choose(text, nodes)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			out = append(out, s.Name)
		}
		return out
	}
	if got := names("poison,link-cut", 1); !slices.Equal(got, []string{"poison", "link-cut"}) {
		t.Errorf("two names stand for %v", got)
	}
	one, three := names("all", 1), names("all", 3)
	if slices.Contains(one, "leader-killed") || !slices.Contains(three, "leader-killed") || len(three) != len(nemesis.All()) {
		t.Errorf("all of one server: %v; of three: %v", one, three)
	}
	if n := len(names("short", 1)); n < 2 || n > 4 {
		t.Errorf("the short form has %d scenarios", n)
	}
	if _, err := choose("link-cutt", 1); err == nil {
		t.Error("a name that is none was accepted")
	}
}
