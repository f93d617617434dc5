package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/deploy/tools/chaos/check"
	"github.com/hookproof/hookproof/pkg/planted"
)

// TestHunts holds that every planted bug has a hunt, every hunt a bug, a scenario and sets that there are, and that the
// operators' page names them.
func TestHunts(t *testing.T) {
	page, err := os.ReadFile("../../faults.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, bug := range planted.Bugs() {
		h, ok := hunts[bug.Tag]
		if !ok {
			t.Errorf("%s: no scenario is named for it", bug.Tag)
			continue
		}
		if _, err := choose(h.scenario, 1); err != nil {
			t.Errorf("%s: %v", bug.Tag, err)
		}
		for _, set := range h.sets {
			if !slices.Contains(check.Sets(), set) {
				t.Errorf("%s: there is no set %s", bug.Tag, set)
			}
		}
		if row := "| `" + bug.Tag + "`: " + bug.What + " | `" + h.scenario + "` | `" + strings.Join(h.sets, "`, `") + "` |"; !strings.Contains(string(page), row) {
			t.Errorf("faults.md has no row %s", row)
		}
	}
	if len(hunts) != len(planted.Bugs()) {
		t.Errorf("%d hunts for %d bugs", len(hunts), len(planted.Bugs()))
	}
}
