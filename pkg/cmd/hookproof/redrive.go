package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/redrive"
)

// progressEvery is after how many messages progress is told.
const progressEvery = 500

type redriveCmd struct {
	natsFlags
	Webhook            string        `help:"Events of this webhook." env:"HOOKPROOF_WEBHOOK" required:""`
	Reason             string        `help:"Events whose latest outcome has this reason. Needed, but with --parked." env:"HOOKPROOF_REDRIVE_REASON"`
	Since              time.Duration `help:"Events that were received within so long." env:"HOOKPROOF_REDRIVE_SINCE" required:""`
	Parked             bool          `help:"What was parked instead of what was rejected." env:"HOOKPROOF_REDRIVE_PARKED"`
	DryRun             bool          `help:"List what would be sent, and send nothing." env:"HOOKPROOF_REDRIVE_DRY_RUN"`
	Rate               float64       `help:"Events a second at most; 0 for no limit." env:"HOOKPROOF_REDRIVE_RATE" default:"100"`
	By                 string        `help:"Who sends, for the record on each event. Default: user@host." env:"HOOKPROOF_REDRIVE_BY"`
	BeyondReplayMemory bool          `help:"Also what is older than the webhook's replay memory: where a copy was verified that is forgotten by now, the event is verified a second time." env:"HOOKPROOF_REDRIVE_BEYOND_REPLAY_MEMORY"`
}

// Help shows what --help prints below the usage.
func (redriveCmd) Help() string {
	return `Mend the cause first. Each event is judged anew, by the time at which it was received. Replays are never sent, nor what was
verified meanwhile; running it again is harmless. The exit code is 1 when something that was asked for could not be sent.

Examples:
  hookproof redrive --webhook genesys --reason SIGNATURE_MISMATCH --since 2h --dry-run
  hookproof redrive --webhook genesys --parked --since 2h`
}

// Run sends what the flags ask for and sums up what came of it.
func (c *redriveCmd) Run(ctx context.Context, p *process) error {
	now := time.Now()
	q := redrive.Query{Webhook: c.Webhook, Parked: c.Parked, Reason: event.Reason(c.Reason), Since: now.Add(-c.Since), BeyondReplayMemory: c.BeyondReplayMemory}
	if err := c.check(q); err != nil {
		return usageError{err}
	}
	b, err := bus.Connect(c.config("redrive"), p.log)
	if err != nil {
		return err
	}
	defer b.Close()
	plan, err := redrive.NewPlan(ctx, b, q)
	if err != nil {
		return err
	}
	if c.DryRun {
		return c.list(plan, p.stdout)
	}
	return c.send(ctx, b, plan, p)
}

// check reports every bad flag by its name.
func (c *redriveCmd) check(q redrive.Query) error {
	var errs []error
	bad := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(!event.ValidWebhook(c.Webhook), "webhook: %.80q is not 1 to 64 of A-Z a-z 0-9 _ -", c.Webhook)
	bad(c.Since <= 0, "since: %s is not a positive duration such as 2h", c.Since)
	bad(c.Reason == "" && !c.Parked, "reason: is needed: one of %q", redrive.Reasons(false))
	bad(!(c.Rate >= 0), "rate: %g is below 0", c.Rate)
	if err := q.Check(); err != nil {
		errs = append(errs, fmt.Errorf("reason: %w", err))
	}
	return errors.Join(errs...)
}

// list prints a plan for people.
func (c *redriveCmd) list(plan *redrive.Plan, w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(plan.Items) > 0 {
		fmt.Fprintln(t, "ID\tRECEIVED\tATTEMPT\tREASON")
	}
	for _, it := range plan.Items {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", it.ID, it.ReceivedAt.Local().Format(time.DateTime), it.Attempt, withDetail(string(it.Reason), it.Detail))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %d would be sent%s\n", c.Webhook, len(plan.Items), skipped(plan.Skipped))
	return c.leftOut(plan, nil)
}

// send sends a plan, tells how far it is, and writes the line for the record whatever comes of it.
func (c *redriveCmd) send(ctx context.Context, b *bus.Bus, plan *redrive.Plan, p *process) error {
	by, total, results := cmp.Or(c.By, whoami()), len(plan.Items), map[redrive.Result]int{}
	done := func(it redrive.Item, r redrive.Result) {
		results[r]++
		if r != redrive.Sent {
			fmt.Fprintf(p.stdout, "%s: %s, attempt %d was not stored\n", it.ID, r, it.Attempt)
		}
		if n := total - len(plan.Items); n%progressEvery == 0 {
			fmt.Fprintf(p.stdout, "%s: %d of %d\n", c.Webhook, n, total)
		}
	}
	err := plan.Send(ctx, b, redrive.Options{Rate: c.Rate, By: by, Done: done})
	fmt.Fprintf(p.stdout, "%s: %d of %d sent%s\n", c.Webhook, results[redrive.Sent], total, skipped(plan.Skipped))
	p.log.Info("redrive", "by", by, "webhook", c.Webhook, "parked", c.Parked, "reason", c.Reason, "since", c.Since.String(), "beyond_replay_memory", c.BeyondReplayMemory,
		"asked", total, "sent", results[redrive.Sent], "duplicates", results[redrive.Duplicate], "gone", results[redrive.Gone], "skipped", plan.Skipped, "complete", err == nil)
	if ctx.Err() != nil {
		err = errors.New("interrupted") // not a clean end, unlike that of a role
	}
	if err != nil {
		return fmt.Errorf("stopped with %d left: %w; the same command sends the rest", len(plan.Items), err)
	}
	return c.leftOut(plan, results)
}

// leftOut returns an error when something that was asked for was not sent and nobody else takes care of it.
func (c *redriveCmd) leftOut(plan *redrive.Plan, results map[redrive.Result]int) error {
	var parts []string
	add := func(n int, format string, args ...any) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d ", n)+fmt.Sprintf(format, args...))
		}
	}
	add(plan.Skipped.TooOld, "older than the replay memory (%s): --beyond-replay-memory sends them, but where a copy was verified that is forgotten by now, they are verified a second time", plan.Memory)
	add(results[redrive.Duplicate], "duplicates: UNVERIFIED had that attempt within the last minutes and did not store it again; see hookproof tail")
	add(results[redrive.Gone], "gone: the stream no longer holds them")
	if len(parts) == 0 {
		return nil
	}
	return errors.New("not sent: " + strings.Join(parts, "; "))
}

// skipped says what was left out on purpose.
func skipped(s redrive.Skipped) string {
	var b strings.Builder
	for _, part := range []struct {
		n    int
		what string
	}{{s.Verified, "verified meanwhile"}, {s.Waiting, "waiting for a verifier"}, {s.Superseded, "with another outcome since"},
		{s.TooOld, "older than the replay memory"}, {s.Unreadable, "unreadable"}} {
		if part.n > 0 {
			fmt.Fprintf(&b, ", %d %s", part.n, part.what)
		}
	}
	return b.String()
}

func withDetail(reason, detail string) string {
	if detail == "" {
		return reason
	}
	return reason + " (" + detail + ")"
}

// whoami names the person at the keyboard, as far as the system knows.
func whoami() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}
