package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/explain"
)

type explainCmd struct {
	natsFlags
	ID        string        `arg:"" help:"The id that the sender was told."`
	Webhook   string        `help:"Look only at this webhook's messages, which is faster." env:"HOOKPROOF_WEBHOOK"`
	JaegerURL string        `name:"jaeger-url" help:"Where Jaeger's pages are, for links to traces." env:"HOOKPROOF_JAEGER_URL"`
	JSON      bool          `name:"json" help:"Print JSON." env:"HOOKPROOF_EXPLAIN_JSON"`
	Timeout   time.Duration `help:"How long to look." env:"HOOKPROOF_EXPLAIN_TIMEOUT" default:"1m"`
}

// Help shows what --help prints below the usage.
func (explainCmd) Help() string {
	return `What it prints can go into a ticket: it shows no body and no header of the sender, only addresses and the path.

Examples:
  hookproof explain 018f3a2e-7c11-7d3a-9b52-0a1b2c3d4e5f
  HOOKPROOF_JAEGER_URL=http://jaeger:16686 hookproof explain --json 018f3a2e-7c11-7d3a-9b52-0a1b2c3d4e5f`
}

// Run prints what the streams know of a request. It is an error when they know nothing.
func (c *explainCmd) Run(ctx context.Context, p *process) error {
	if c.Webhook != "" && !event.ValidWebhook(c.Webhook) {
		return usageError{fmt.Errorf("webhook: %.80q is not 1 to 64 of A-Z a-z 0-9 _ -", c.Webhook)}
	}
	if err := explain.Check(c.ID); err != nil {
		return usageError{fmt.Errorf("id: %w", err)}
	}
	b, err := bus.Connect(c.config("explain"), p.log)
	if err != nil {
		return err
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	life, err := explain.Request(ctx, b, c.ID, explain.Options{Webhook: c.Webhook, Jaeger: c.JaegerURL})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("not found within %s; --webhook makes it faster, --timeout gives it longer: %w", c.Timeout, err)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		return e.Encode(life)
	}
	return printLife(p.stdout, life)
}

// printLife prints a request's life for people.
func printLife(w io.Writer, l *explain.Life) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	row("id", l.ID)
	row("webhook", l.Webhook)
	row("state", l.State)
	row("received", moment(l.ReceivedAt))
	row("from", cmp.Or(l.ClientAddress, "an address that could not be resolved")+" (TCP peer "+l.Peer+")")
	row("path", l.Path)
	for _, a := range l.Attempts {
		fmt.Fprintf(t, "\nattempt %d\t%s\n", a.Attempt, a.State)
		printAttempt(row, a)
	}
	return t.Flush()
}

func printAttempt(row func(name, value string), a explain.Attempt) {
	row("  redriven by", a.RedrivenBy)
	row("  reason", withDetail(a.Reason, a.Detail))
	since := "stored"
	if a.State == explain.Waiting {
		since = "waits since"
	}
	row("  "+since, moment(a.At))
	row("  kept as", fmt.Sprintf("%s, sequence %d of %s", a.Subject, a.Sequence, a.Stream))
	row("  verifier", a.Verifier)
	if a.PolicyRevision > 0 {
		row("  policy", fmt.Sprintf("revision %d", a.PolicyRevision))
	}
	var checks []string
	for _, c := range a.Checks {
		checks = append(checks, c.Name+" "+c.Result)
	}
	row("  checks", strings.Join(checks, ", "))
	if a.PolicyForgotten {
		row("  checks", "not known: that revision of the policy is no longer kept")
	}
	if a.PossibleDuplicate {
		row("  note", "possible duplicate: it waited longer than the horizon")
	}
	row("  trace", cmp.Or(a.TraceURL, a.TraceID))
}

// moment writes a time such that people in two time zones mean the same.
func moment(t time.Time) string {
	if t.IsZero() {
		return "at a time that cannot be read"
	}
	return t.UTC().Format("2006-01-02 15:04:05.000 MST")
}
