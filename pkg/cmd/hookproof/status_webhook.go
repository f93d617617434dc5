package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hookproof/hookproof/pkg/webhook"
)

// printWebhook prints all that is known of one webhook: what is desired, what was observed, and what comes next.
func printWebhook(out io.Writer, r webhook.Record) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	s := r.Status
	line("webhook", "%s", r.Webhook)
	line("phase", "%s since %s", s.Phase, clock(s.UpdatedAt))
	if s.Error != "" {
		line("error", "%s", s.Error)
	}
	if r.Attempts > 0 {
		line("attempts", "%d failed in a row", r.Attempts)
	}
	if !s.NextTry.IsZero() {
		line("next try", "%s", clock(s.NextTry))
	}
	if d := r.Desired; d != nil {
		line("desired", "%s, %s, message %d%s", cmp.Or(d.State, webhook.Present), cmp.Or(d.Kind, "any kind"), r.ConfigSequence, generation(d.Generation))
		if d.TargetURI != "" {
			line("target", "%s", withoutQuery(d.TargetURI))
		}
	}
	if refused := r.Refused; refused != nil {
		line("refused", "message %d is %s: %s", refused.ConfigSequence, refused.Phase, refused.Error)
	}
	line("policy", "revision %d", r.Observed.PolicyRevision)
	for _, e := range s.Secrets {
		line("secret", "%s", secretEpoch(e))
	}
	printRemote(line, r)
	for _, step := range s.Steps {
		line("step", "%s", stepLine(step))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return printFields(out, r.Observed.Genesys.Applied)
}

// printRemote prints what Genesys Cloud has.
func printRemote(line func(name, format string, args ...any), r webhook.Record) {
	g := r.Observed.Genesys
	switch {
	case g.Kind == "":
		return
	case g.Creating != nil:
		line("genesys id", "not known: a creation was begun at %s", clock(g.Creating.At))
	case g.ID == "":
		line("genesys id", "none yet")
	default:
		line("genesys id", "%s (%s)", g.ID, enabledText(g.Enabled))
	}
	if t := g.Test; t != nil {
		outcome := "failed"
		if t.Succeeded {
			outcome = "succeeded"
		}
		line("last test", "%s at %s: %s", outcome, clock(t.At), t.Message)
	}
	if d := g.Drift; d != nil {
		line("drift", "changed by hand, found at %s: %s", clock(d.FoundAt), strings.Join(d.Fields, ", "))
	}
	if a := r.Observed.Addresses; !a.ReadAt.IsZero() {
		left := 0
		for _, published := range a.Ranges {
			if !published.GoneAt.IsZero() {
				left++
			}
		}
		line("addresses", "%d followed, %d of them no longer published, read at %s", len(a.Ranges), left, clock(a.ReadAt))
	}
}

// printFields prints each field as it was written beside what Genesys Cloud then showed.
func printFields(out io.Writer, a webhook.Applied) error {
	if len(a.Sent) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nFIELD\tDESIRED\tOBSERVED")
	for _, name := range slices.Sorted(maps.Keys(a.Sent)) {
		sent, shown := string(a.Sent[name]), string(a.Shown[name])
		if sent == shown {
			shown = "the same"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", name, sent, shown)
	}
	return t.Flush()
}

func secretEpoch(e webhook.SecretEpoch) string {
	text := fmt.Sprintf("epoch %d, since %s", e.Epoch, clock(e.Since))
	if !e.NotAfter.IsZero() {
		text += ", valid until " + clock(e.NotAfter)
	}
	if e.InGenesys {
		text += ", Genesys Cloud signs with it"
	}
	return text
}

func stepLine(s webhook.Step) string {
	text := s.Name
	if s.DoneAt.IsZero() {
		text += ", begun at " + clock(s.StartedAt)
	} else {
		text += ", done at " + clock(s.DoneAt)
	}
	if s.Note != "" {
		text += ": " + s.Note
	}
	return text
}

func enabledText(enabled bool) string {
	if enabled {
		return "enabled"
	}
	return "disabled"
}

func generation(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", generation %d", n)
}

// withoutQuery leaves out what may hold a token.
func withoutQuery(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "-"
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}

func clock(t time.Time) string { return t.Local().Format(time.DateTime) }
