package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/hookproof/hookproof/deploy/tools/chaos/check"
)

// shown is how many lines of each set are shown; the history has them all.
const shown = 5

// table shows one row a run, and below a red one what is in its sets.
type table struct{ w io.Writer }

func newTable(w io.Writer) table {
	fmt.Fprintf(w, "%-22s %8s %8s %8s %8s %8s %7s %6s %6s  %s\n", "fault", "attempts", "accepted", "unsure", "verified", "rejected", "replays", "parked", "struck", "sets that must be empty")
	return table{w}
}

func (t table) row(name string, r check.Report) {
	fmt.Fprintf(t.w, "%-22s %8d %8d %8d %8d %8d %7d %6d %6d  %s\n", name, r.Attempts, r.Accepted, r.Unanswered, r.Verified, r.Rejected, r.Replays, r.Parked, r.Faults, sets(r))
	for _, set := range check.Sets() {
		for i, line := range r.Found[set] {
			if i == shown {
				fmt.Fprintf(t.w, "  %s: and %d more\n", set, len(r.Found[set])-shown)
				break
			}
			fmt.Fprintf(t.w, "  %s: %s\n", set, line)
		}
	}
}

// sets names the sets that are not empty.
func sets(r check.Report) string {
	var all []string
	for _, set := range check.Sets() {
		if n := len(r.Found[set]); n > 0 {
			all = append(all, fmt.Sprintf("%s=%d", set, n))
		}
	}
	if len(all) == 0 {
		return fmt.Sprintf("all %d empty", len(check.Sets()))
	}
	return strings.Join(all, " ")
}
