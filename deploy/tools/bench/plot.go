package main

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
)

// draw draws, of each suite that was measured, a bar for each target: CPU by process, and throughput where it was not given.
func draw(dir string, all []round) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, s := range suites {
		var cpu, rate []bar
		for _, t := range s.targets {
			rs := of(all, t.name)
			if len(rs) == 0 || rs[0].Suite != s.name {
				continue
			}
			c := bar{label: t.name, format: "%.2f"}
			for _, name := range rs[0].Processes {
				c.parts = append(c.parts, part{name, median(values(rs, func(r round) float64 { return r.CPU[name] }))})
			}
			cpu = append(cpu, c)
			if t.rate > 0 {
				continue // its throughput was chosen
			}
			rate = append(rate, bar{label: t.name, format: "%.0f", parts: []part{{"", median(values(rs, func(r round) float64 { return r.Rate }))}}})
		}
		for name, plot := range map[string]string{
			"cpu": chart("CPU seconds per 10,000 requests; less is better", cpu), "throughput": chart("Requests per second; more is better", rate),
		} {
			if len(cpu) == 0 || name == "throughput" && len(rate) == 0 {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, s.name+"-"+name+".svg"), []byte(plot), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

type part struct {
	name  string
	value float64
}

// bar is one line of a chart, of one or more parts.
type bar struct {
	label, format string
	parts         []part
}

func (b bar) total() (sum float64) {
	for _, p := range b.parts {
		sum += p.value
	}
	return sum
}

// colours tell the processes apart, in light and in dark.
var colours = map[string]string{"": "#4c78a8", "handler": "#9d9d9d", "ingress": "#4c78a8", "verifier": "#54a24b", "all": "#4c78a8", "nats-server": "#e6913c",
	"nats-server-1": "#e6913c", "nats-server-2": "#cf7d2b", "nats-server-3": "#b86a1c"}

const (
	rowHeight  = 30
	labelWidth = 290
	barWidth   = 380
)

// chart draws bars as SVG, with text that follows the reader's colours.
func chart(title string, bars []bar) string {
	var most float64
	for _, b := range bars {
		most = max(most, b.total())
	}
	height := 64 + rowHeight*len(bars)
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 %d" width="760" role="img" aria-label="%s" font-family="sans-serif" font-size="13">`, height, html.EscapeString(title))
	s.WriteString(`<style>text{fill:#24292f}@media(prefers-color-scheme:dark){text{fill:#d0d7de}}</style>`)
	fmt.Fprintf(&s, `<text x="8" y="20" font-weight="bold">%s</text>`, html.EscapeString(title))
	shown := map[string]bool{}
	legend := labelWidth
	for i, b := range bars {
		x, y := float64(labelWidth), 54+rowHeight*i
		fmt.Fprintf(&s, `<text x="%d" y="%d" text-anchor="end">%s</text>`, labelWidth-8, y+15, html.EscapeString(b.label))
		for _, p := range b.parts {
			width := p.value / most * barWidth
			fmt.Fprintf(&s, `<rect x="%.1f" y="%d" width="%.1f" height="20" fill="%s"><title>%s %s</title></rect>`, x, y, width, colours[p.name], html.EscapeString(p.name), fmt.Sprintf(b.format, p.value))
			x += width
			if p.name != "" && !shown[p.name] {
				shown[p.name] = true
				fmt.Fprintf(&s, `<rect x="%d" y="32" width="10" height="10" fill="%s"/><text x="%d" y="42">%s</text>`, legend, colours[p.name], legend+14, p.name)
				legend += 30 + 7*len(p.name)
			}
		}
		fmt.Fprintf(&s, `<text x="%.1f" y="%d">%s</text>`, x+6, y+15, fmt.Sprintf(b.format, b.total()))
	}
	s.WriteString("</svg>\n")
	return s.String()
}
