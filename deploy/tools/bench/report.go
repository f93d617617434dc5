package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// printTable prints the medians of each target of a suite.
func printTable(w io.Writer, s suite, all []round) {
	fmt.Fprintf(w, "\n%s: %s\n\n", s.name, s.title)
	fmt.Fprintln(w, "| target | req/s (min to max) | p50 / p99 ms | end to end p50 / p99 ms | CPU s per 10k (min to max) | by process | peak MiB |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|")
	for _, t := range s.targets {
		rs := of(all, t.name)
		if len(rs) == 0 {
			continue
		}
		fmt.Fprintf(w, "| %s | %s | %.1f / %.1f | %s | %s | %s | %s |\n", t.name, spread(rs, "%.0f", func(r round) float64 { return r.Rate }),
			median(values(rs, func(r round) float64 { return r.P50 })), median(values(rs, func(r round) float64 { return r.P99 })), endToEnd(rs),
			spread(rs, "%.2f", round.total), each(rs, "%.2f", func(r round, name string) float64 { return r.CPU[name] }),
			each(rs, "%.0f", func(r round, name string) float64 { return r.Peak[name] }))
	}
}

// spread writes a median with the least and the most.
func spread(rs []round, format string, value func(round) float64) string {
	v := values(rs, value)
	return fmt.Sprintf(format+" ("+format+" to "+format+")", median(v), slices.Min(v), slices.Max(v))
}

func endToEnd(rs []round) string {
	if rs[0].EndToEnd == nil {
		return ""
	}
	return fmt.Sprintf("%.1f / %.1f", median(values(rs, func(r round) float64 { return r.EndToEnd[0] })), median(values(rs, func(r round) float64 { return r.EndToEnd[1] })))
}

// of returns the rounds of a target.
func of(all []round, name string) []round {
	return slices.DeleteFunc(slices.Clone(all), func(r round) bool { return r.Target != name })
}

// each lists a median for each process.
func each(rs []round, format string, value func(round, string) float64) string {
	var out []string
	for _, name := range rs[0].Processes {
		out = append(out, name+" "+fmt.Sprintf(format, median(values(rs, func(r round) float64 { return value(r, name) }))))
	}
	return strings.Join(out, ", ")
}

func values(rs []round, value func(round) float64) []float64 {
	out := make([]float64, len(rs))
	for i, r := range rs {
		out[i] = value(r)
	}
	return out
}

// median returns the middle value, the lower one of two.
func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[(len(s)-1)/2]
}

// writeJSON writes every round with what it was measured on.
func writeJSON(o options, all []round) error {
	b, err := json.MarshalIndent(struct {
		When        time.Time `json:"when"`
		Go          string    `json:"go"`
		CPUs        int       `json:"cpus"`
		Connections int       `json:"connections"`
		BodyBytes   int       `json:"bodyBytes"`
		Rounds      []round   `json:"rounds"`
	}{time.Now().UTC(), runtime.Version() + " " + runtime.GOARCH, runtime.NumCPU(), o.conns, o.size, all}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.out, append(b, '\n'), 0o644)
}
