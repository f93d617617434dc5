package webhook

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hookproof/hookproof/pkg/policy"
)

// Diff returns the fields in which two desired states differ, as lines of a unified diff without context: "-field: value" of
// the live state, "+field: value" of the wanted one. Nil stands for a webhook that was never configured. What is left out
// counts as its default, and the order in a list does not count. Content that may be secret is not shown: sealed secrets,
// the values of webhookHeaders, and the query of targetUri.
func Diff(live, want *Webhook) []string {
	had, have := facts(live), facts(want)
	var lines []string
	names := maps.Clone(had)
	maps.Copy(names, have)
	for _, field := range slices.Sorted(maps.Keys(names)) {
		gone, come := without(had[field], have[field]), without(have[field], had[field])
		for _, v := range gone {
			lines = append(lines, "-"+field+": "+show(field, v))
		}
		for _, v := range come {
			line := "+" + field + ": " + show(field, v)
			if slices.Contains(lines, "-"+line[1:]) {
				line += " (changed)"
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// facts lists the values of each field of a desired state by the field's path: several of a list, else one.
func facts(w *Webhook) map[string][]string {
	out := map[string][]string{}
	if w == nil {
		return out
	}
	b, err := json.Marshal(w.effective())
	if err != nil {
		return out // it was read from JSON, so it can be written
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var document any
	if d.Decode(&document) == nil {
		collect("", document, out)
	}
	return out
}

func collect(path string, v any, out map[string][]string) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			collect(strings.TrimPrefix(path+"."+name, "."), inner, out)
		}
	case []any:
		for _, item := range v {
			out[path] = append(out[path], fmt.Sprint(item))
		}
	default:
		out[path] = append(out[path], fmt.Sprint(v))
	}
}

// effective fills in the defaults, so that two states are equal when they do the same.
func (w Webhook) effective() Webhook {
	if w.Removed() {
		return Webhook{Webhook: w.Webhook, Kind: w.Kind, State: Absent, Generation: w.Generation}
	}
	fill := func(d **policy.Duration, otherwise policy.Duration) {
		if *d == nil {
			*d = &otherwise
		}
	}
	fill(&w.SecretOverlap, policy.Duration(DefaultSecretOverlap))
	fill(&w.Tolerance, policy.Duration(DefaultTolerance))
	w.State, w.Replay = Present, cmp.Or(w.Replay, ReplayOn)
	w.Scheme = Scheme{w.SignatureScheme()}
	w.MaxBodyBytes = new(w.Route(nil).MaxBody)
	if w.Kind != KindNone {
		w.Name = w.DisplayName()
	}
	if l := w.RateLimit; l != nil {
		w.RateLimit = &RateLimit{l.MaxRequestsPerSecond, cmp.Or(l.BurstSize, l.MaxRequestsPerSecond)}
	}
	if w.Kind == KindWebhook && w.RetryPolicy == nil {
		w.RetryPolicy = new(DefaultRetryPolicy())
	}
	w.Allowlist = slices.Clone(w.Allowlist)
	for i, text := range w.Allowlist {
		if p, err := ParsePrefix(text); err == nil {
			w.Allowlist[i] = p.String()
		}
	}
	return w
}

// without returns the values of a list that another has not, sorted.
func without(list, other []string) []string {
	var out []string
	for _, v := range list {
		if !slices.Contains(other, v) && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

const notShown = "(content not shown)"

// show writes a value for people.
func show(field, v string) string {
	switch {
	case field == "secret" && strings.HasPrefix(v, "sealed:"):
		return "sealed " + notShown
	case strings.HasPrefix(field, "webhookHeaders."):
		return notShown
	case field == "targetUri":
		return showTarget(v)
	case v == "" || strings.TrimSpace(v) != v || strings.ContainsFunc(v, func(r rune) bool { return !strconv.IsPrint(r) }):
		return strconv.Quote(v)
	}
	return v
}

func showTarget(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return notShown
	}
	query := u.RawQuery != ""
	u.RawQuery, u.Fragment, u.User = "", "", nil
	if query {
		return u.String() + "?" + notShown
	}
	return u.String()
}
