package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// applyPlan is what apply would do to the live state.
type applyPlan struct {
	changes   []change
	unchanged []string // with what is known of each
	remove    []string // in no file, and to be removed
	others    []string // in no file, and left alone
	kinds     map[string]webhook.Kind
}

// change is a webhook that would differ from now on.
type change struct {
	from, to string // where each side stands
	lines    []string
}

// planApply compares documents with the state that the provisioner accepted last. It needs the right to read the bucket
// webhooks, and no other.
func planApply(ctx context.Context, b *bus.Bus, documents []webhook.Document, prune bool) (applyPlan, error) {
	live := map[string]webhook.Record{}
	if err := eachWebhook(ctx, b, func(r webhook.Record) { live[r.Webhook] = r }); err != nil {
		return applyPlan{}, err
	}
	plan := applyPlan{kinds: map[string]webhook.Kind{}}
	var stale []error
	for _, d := range documents {
		r := live[d.Webhook.Webhook]
		if d.Generation > 0 && d.Generation < r.Generation {
			stale = append(stale, fmt.Errorf("%s: generation: %d is older than %d, which was accepted before", d.Place("generation"), d.Generation, r.Generation))
		}
		plan.add(d, r)
		delete(live, d.Webhook.Webhook)
	}
	for name, r := range live {
		switch {
		case !exists(r):
		case prune:
			plan.remove, plan.kinds[name] = append(plan.remove, name), r.Desired.Kind
		default:
			plan.others = append(plan.others, name)
		}
	}
	slices.Sort(plan.remove)
	slices.Sort(plan.others)
	for _, name := range plan.remove {
		plan.changes = append(plan.changes, change{liveSide(live[name]), "/dev/null (in no file, --prune removes it)", webhook.Diff(live[name].Desired, nil)})
	}
	return plan, errors.Join(stale...)
}

// add compares one document with the record of its webhook.
func (a *applyPlan) add(d webhook.Document, r webhook.Record) {
	desired := r.Desired
	if !exists(r) {
		desired = nil
	}
	lines := webhook.Diff(desired, &d.Webhook)
	if len(lines) == 0 || desired == nil && d.Removed() {
		state := "absent"
		if desired != nil {
			state = statusLine(r.Status)
		}
		a.unchanged = append(a.unchanged, d.Webhook.Webhook+": unchanged: "+strings.TrimPrefix(state, d.Webhook.Webhook+": "))
		return
	}
	a.changes = append(a.changes, change{liveSide(r), d.Place(""), lines})
}

// exists reports whether a webhook is there, or on its way.
func exists(r webhook.Record) bool { return r.Desired != nil && !r.Desired.Removed() }

func liveSide(r webhook.Record) string {
	if !exists(r) {
		return "/dev/null"
	}
	return fmt.Sprintf("live %s (message %d)", r.Webhook, r.ConfigSequence)
}

// print prints the plan as a unified diff. The error is errChanges when there is something to change.
func (a *applyPlan) print(out io.Writer) error {
	for _, c := range a.changes {
		fmt.Fprintf(out, "--- %s\n+++ %s\n%s\n", c.from, c.to, strings.Join(c.lines, "\n"))
	}
	for _, line := range a.unchanged {
		fmt.Fprintln(out, line)
	}
	for _, name := range a.others {
		fmt.Fprintf(out, "%s: not in files, left alone (--prune would remove it)\n", name)
	}
	if len(a.changes) > 0 {
		return errChanges
	}
	return nil
}

// absent returns the desired states that remove what is in no file.
func (a *applyPlan) absent() []webhook.Webhook {
	states := make([]webhook.Webhook, len(a.remove))
	for i, name := range a.remove {
		states[i] = webhook.Webhook{Webhook: name, Kind: a.kinds[name], State: webhook.Absent}
	}
	return states
}

// confirm makes sure that somebody has named exactly what will be removed.
func (c *applyCmd) confirm(remove []string, p *process) error {
	if len(remove) == 0 {
		return nil
	}
	names := c.Confirm
	if len(names) == 0 {
		fmt.Fprintf(p.stdout, "In no file, and would be removed: %s\nType their names to remove them: ", strings.Join(remove, ", "))
		line, _ := bufio.NewReader(io.LimitReader(p.stdin, 1<<16)).ReadString('\n') // what came before an error counts
		names = strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\r' })
	}
	slices.Sort(names)
	if !slices.Equal(slices.Compact(names), remove) {
		return fmt.Errorf("nothing was published: in no file are %s, and confirmed was %q: name exactly those (--confirm %s)",
			strings.Join(remove, ", "), strings.Join(names, ","), strings.Join(remove, ","))
	}
	return nil
}

// unpruned adds to an error that nothing was removed.
func unpruned(err error, remove []string) error {
	if len(remove) == 0 {
		return err
	}
	return fmt.Errorf("%w\nnothing was removed: %s", err, strings.Join(remove, ", "))
}
