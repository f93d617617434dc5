package console

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// card is what is known of one webhook.
type card struct {
	Name     string
	Phase    string // of the provisioner; empty where its records are not visible
	Mood     string // good, wait or bad: how the phase is to be taken
	Error    string
	Refused  string // why the newest config message was refused
	NextTry  string
	Compared []compared
	Enforced *audit.Control // nil where the role judges nothing, or nothing is enforced
}

// compared is one thing that is desired and observed.
type compared struct {
	What, Desired, Observed string
	Differs                 bool
}

// cards puts records and what is enforced together, by webhook.
func cards(s snapshot) []card {
	all := map[string]card{}
	for _, r := range s.Records.Value {
		all[r.Webhook] = recordCard(r)
	}
	for name, control := range s.Enforced {
		c := all[name]
		c.Name, c.Enforced = name, &control
		all[name] = c
	}
	return slices.SortedFunc(maps.Values(all), func(a, b card) int { return strings.Compare(a.Name, b.Name) })
}

func recordCard(r webhook.Record) card {
	st := r.Status
	c := card{Name: r.Webhook, Phase: string(st.Phase), Mood: mood(st.Phase), Error: st.Error}
	if r.Refused != nil {
		c.Refused = fmt.Sprintf("message %d is %s: %s", r.Refused.ConfigSequence, r.Refused.Phase, r.Refused.Error)
	}
	if !st.NextTry.IsZero() && st.Phase == webhook.PhaseWaiting {
		c.NextTry = clock(st.NextTry)
	}
	if d := r.Desired; d != nil {
		c.Compared = compare(r, *d)
	}
	return c
}

func mood(p webhook.Phase) string {
	switch p {
	case webhook.PhaseLive, webhook.PhaseRemoved:
		return "good"
	case webhook.PhaseFailed, webhook.PhaseStale:
		return "bad"
	}
	return "wait"
}

// compare lists what is desired of a webhook beside what was observed.
func compare(r webhook.Record, d webhook.Webhook) []compared {
	state := cmp.Or(d.State, webhook.Present)
	reached := map[webhook.State]webhook.Phase{webhook.Present: webhook.PhaseLive, webhook.Absent: webhook.PhaseRemoved}[state]
	rows := []compared{
		{"State", string(state), string(r.Status.Phase), r.Status.Phase != reached},
		{"Config message", messageText(r.ConfigSequence, r.Generation), messageText(r.Status.ConfigSequence, r.Status.Generation) + " answered",
			r.ConfigSequence != r.Status.ConfigSequence},
	}
	g := r.Observed.Genesys
	if kind := cmp.Or(d.Kind, webhook.KindNone); kind == webhook.KindNone && g.ID == "" {
		return append(rows, compared{"Genesys Cloud", "nothing: verification only", "nothing", false})
	}
	rows = append(rows, compared{"Genesys Cloud", string(d.Kind), remoteText(g), !d.Removed() && (g.ID == "" || !g.Enabled) || d.Removed() && g.ID != ""})
	if d.TargetURI != "" {
		differ := differing(g.Applied)
		observed := "as desired"
		switch {
		case g.ID == "":
			observed = "nothing yet"
		case len(differ) > 0:
			observed = "written in another way there: " + strings.Join(differ, ", ")
		}
		rows = append(rows, compared{"Target", withoutQuery(d.TargetURI), observed, false})
	}
	if t := g.Test; t != nil {
		rows = append(rows, compared{"Last test", "succeeds", testText(*t), !t.Succeeded})
	}
	if drift := g.Drift; drift != nil {
		rows = append(rows, compared{"Changed by hand", "nothing", strings.Join(drift.Fields, ", ") + ", found at " + clock(drift.FoundAt) + restored(r.Status.Phase == reached),
			r.Status.Phase != reached})
	}
	return rows
}

func restored(is bool) string {
	if is {
		return " and put back"
	}
	return ""
}

func messageText(sequence uint64, generation int64) string {
	if generation == 0 {
		return fmt.Sprintf("message %d", sequence)
	}
	return fmt.Sprintf("message %d, generation %d", sequence, generation)
}

func remoteText(g webhook.Remote) string {
	switch {
	case g.ID == "" && g.Creating != nil:
		return "a creation was begun at " + clock(g.Creating.At)
	case g.ID == "":
		return "nothing"
	case g.Enabled:
		return g.ID + ", enabled"
	}
	return g.ID + ", disabled"
}

func testText(t webhook.Test) string {
	text := "failed"
	if t.Succeeded {
		text = "succeeded"
	}
	return strings.TrimSuffix(text+" at "+clock(t.At)+": "+t.Message, ": ")
}

// differing names the fields that Genesys Cloud shows otherwise than they were written. Values stay away: a header may be
// a credential.
func differing(a webhook.Applied) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(a.Sent)) {
		if !bytes.Equal(a.Sent[name], a.Shown[name]) {
			names = append(names, name)
		}
	}
	return names
}

// withoutQuery leaves out what may hold a token.
func withoutQuery(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "not readable"
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}
