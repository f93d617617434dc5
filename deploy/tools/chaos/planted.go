package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/check"
	"github.com/hookproof/hookproof/deploy/tools/chaos/nemesis"
	"github.com/hookproof/hookproof/pkg/planted"
)

// hunt says how a planted bug has to be found: by which scenario, and in which of the sets it has to show.
type hunt struct {
	scenario string
	sets     []string
}

var hunts = map[string]hunt{
	"planted_claim_first":       {"verifier-killed", []string{check.FalseReplay}},
	"planted_anonymous_claim":   {"verifier-killed", []string{check.FalseReplay}},
	"planted_ack_first":         {"verifier-killed", []string{check.Lost}},
	"planted_no_msg_id":         {"verifier-killed", []string{check.VerifiedTwice, check.DecidedTwice}},
	"planted_wall_clock":        {"outage-tolerance", []string{check.Misjudged}},
	"planted_reserialised_body": {"outage-tolerance", []string{check.Mutated}},
	"planted_raw_headers":       {"outage-tolerance", []string{check.Lost, check.Misanswered}},
	"planted_discard_old":       {"unverified-full", []string{check.Lost}},
}

// seedsAtMost is within how many seeds, from the first on, a bug has to be found.
const seedsAtMost = 3

var errNotFound = errors.New("a planted bug was not found, or one was found where none is")

// runPlanted runs each planted bug until it is found. Before, the scenarios have to be clean without any: a suite that is
// always red finds nothing.
func runPlanted(ctx context.Context, f flags, stdout io.Writer) error {
	if err := prepare(&f, stdout); err != nil {
		return err
	}
	if err := build(ctx, &f.Config); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%-26s %-17s %5s %8s  %s\n", "planted", "scenario", "seeds", "seconds", "found")
	ok, began := true, time.Now()
	for _, name := range huntedScenarios() {
		r, seconds, err := runOne(ctx, f, "nothing", name)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(stdout, "%-26s %-17s %5d %8.1f  %s\n", "nothing", name, 1, seconds, verdict(r, err))
		ok = ok && err == nil && r.Good()
	}
	for _, bug := range planted.Bugs() {
		found, err := huntBug(ctx, f, bug, stdout)
		if err != nil {
			return err
		}
		ok = ok && found
	}
	fmt.Fprintf(stdout, "%.0f s in all, with a build for each bug\n", time.Since(began).Seconds())
	if !ok {
		return errNotFound
	}
	if !f.keep {
		return os.RemoveAll(f.Dir)
	}
	return nil
}

// huntBug runs a bug's scenario with one seed after the other until the bug shows where it has to.
func huntBug(ctx context.Context, f flags, bug planted.Bug, stdout io.Writer) (found bool, err error) {
	h, ok := hunts[bug.Tag]
	if !ok {
		return false, fmt.Errorf("%s: no scenario is named for it", bug.Tag)
	}
	if f.Hookproof, err = buildHookproof(ctx, f.Dir, "failpoint", bug.Tag); err != nil {
		return false, err
	}
	var total float64
	var last string
	for n := 1; n <= seedsAtMost; n++ {
		r, seconds, err := runOne(ctx, f, bug.Tag, h.scenario)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		total, last = total+seconds, verdict(r, err)
		if err == nil && slices.ContainsFunc(h.sets, func(set string) bool { return len(r.Found[set]) > 0 }) {
			fmt.Fprintf(stdout, "%-26s %-17s %5d %8.1f  %s\n", strings.TrimPrefix(bug.Tag, "planted_"), h.scenario, n, total, last)
			return true, nil
		}
		f.Seed++
	}
	fmt.Fprintf(stdout, "%-26s %-17s %5d %8.1f  NOT FOUND in %v (%s); %s\n", strings.TrimPrefix(bug.Tag, "planted_"), h.scenario, seedsAtMost, total, h.sets, bug.What, last)
	return false, nil
}

// runOne runs one scenario in a directory of its own, which it leaves where something is to be seen there.
func runOne(ctx context.Context, f flags, what, scenario string) (check.Report, float64, error) {
	began := time.Now()
	f.Dir = filepath.Join(f.Dir, fmt.Sprintf("%s-%d", what, f.Seed))
	all, err := choose(scenario, f.Nodes)
	if err != nil {
		return check.Report{}, 0, err
	}
	r, err := nemesis.Run(ctx, all[0], f.Config)
	return r, time.Since(began).Seconds(), err
}

// huntedScenarios returns the scenarios of all hunts, each once.
func huntedScenarios() (names []string) {
	for _, h := range hunts {
		names = append(names, h.scenario)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// verdict tells what a run found, in one line.
func verdict(r check.Report, err error) string {
	if err != nil {
		return "could not be run: " + err.Error()
	}
	return sets(r)
}
