package console

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The size of a plot in its own units; the style sheet stretches it.
const (
	plotWidth  = slots * 3
	plotHeight = 60
)

// plot is a drawing of one measure over time, and the same in words.
type plot struct {
	Title string
	Top   string // what the upper edge stands for
	Grid  string // path data
	Area  string // path data: the first measure, filled
	Line  string // the same, as a line
	Upper string // the second measure, dashed; empty for none
	Words string
}

// rates draws how many a second there were of what count counts.
func rates(title string, points []point, now time.Time, count func(point) uint64) plot {
	values := make([]float64, len(points))
	for i, p := range points {
		values[i] = float64(count(p)) / slotWidth.Seconds()
	}
	top := niceTop(highest(values), 1)
	p := plot{Title: title, Top: rateText(top) + " /s", Grid: gridAt(0, 0.5, 1), Words: "Nothing is known yet."}
	if len(points) == 0 {
		return p
	}
	p.Line, p.Area = steps(points, values, now, func(v float64) float64 { return v / top })
	p.Words = fmt.Sprintf("%s a second in the last 15 minutes: %s in the last minute, %s at most in 10 seconds.",
		title, rateText(lastMinute(points, now, count)), rateText(highest(values)))
	return p
}

// leastLatency is what the lower edge of a plot of latencies stands for, in milliseconds. Its scale is logarithmic: the
// slowest are often a thousand times as slow as the median, and both are to be seen.
const leastLatency = 0.1

// latencies draws the median and the slowest of each slot's sample.
func latencies(title string, points []point, now time.Time) plot {
	median, slowest := make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		median[i], slowest[i] = math.NaN(), math.NaN()
		if n := len(p.Latencies); n > 0 {
			median[i], slowest[i] = milliseconds(middle(p.Latencies)), milliseconds(p.Latencies[n-1])
		}
	}
	decades := math.Ceil(math.Log10(max(highest(slowest), 10) / leastLatency))
	part := func(ms float64) float64 { return max(0, math.Log10(ms/leastLatency)/decades) }
	p := plot{Title: title, Top: "logarithmic, to " + millisecondsText(leastLatency*math.Pow(10, decades)), Words: "No outcome in the last 15 minutes."}
	var lines []float64
	for i := range int(decades) + 1 {
		lines = append(lines, float64(i)/decades)
	}
	p.Grid = gridAt(lines...)
	p.Line, p.Upper = polyline(points, median, now, part), polyline(points, slowest, now, part)
	if p.Line != "" {
		p.Words = fmt.Sprintf("%s in the last 15 minutes: the median of 10 seconds is %s at most, the slowest took %s.",
			title, millisecondsText(highest(median)), millisecondsText(highest(slowest)))
	}
	return p
}

// gridAt draws lines across at parts of the height.
func gridAt(parts ...float64) string {
	var b strings.Builder
	for _, part := range parts {
		fmt.Fprintf(&b, "M0 %gh%d", up(part), plotWidth)
	}
	return b.String()
}

// steps draws one level for each slot: a count belongs to the whole of it. A slot that is not known is a gap.
func steps(points []point, values []float64, now time.Time, part func(float64) float64) (line, area string) {
	var l, a strings.Builder
	for i := 0; i < len(points); {
		end := i + 1
		for end < len(points) && points[end-1].Start.Add(slotWidth).Equal(points[end].Start) && (values[end] == values[i]) {
			end++
		}
		x, y, width := across(points[i], now), up(part(values[i])), 3*(end-i)
		if i == 0 || !points[i-1].Start.Add(slotWidth).Equal(points[i].Start) {
			fmt.Fprintf(&l, "M%g %g", x, y)
		} else {
			fmt.Fprintf(&l, "V%g", y)
		}
		fmt.Fprintf(&l, "h%d", width)
		fmt.Fprintf(&a, "M%g %dV%gh%dV%d", x, plotHeight, y, width, plotHeight)
		i = end
	}
	return l.String(), a.String()
}

// polyline joins the middles of slots; one without a value is passed over.
func polyline(points []point, values []float64, now time.Time, part func(float64) float64) string {
	var b strings.Builder
	for i, p := range points {
		if math.IsNaN(values[i]) {
			continue
		}
		verb := "L"
		if b.Len() == 0 {
			verb = "M"
		}
		fmt.Fprintf(&b, "%s%g %g", verb, across(p, now)+1.5, up(part(values[i])))
	}
	return b.String()
}

// across is where a slot begins: the newest ends at the right edge.
func across(p point, now time.Time) float64 {
	ago := newestSlot(now).Sub(p.Start) / slotWidth
	return float64(plotWidth - 3*int(ago))
}

// up is how high a part of the whole height is, less a unit for the width of the line.
func up(part float64) float64 {
	return math.Round((plotHeight-(plotHeight-1)*part)*10) / 10
}

// niceTop is the first of 1, 2, 5, 10, 20 and so on that is not below v or least.
func niceTop(v, least float64) float64 {
	v = max(v, least)
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 5} {
		if n*unit >= v {
			return n * unit
		}
	}
	return 10 * unit
}

func highest(values []float64) (top float64) {
	for _, v := range values {
		if v > top { // never for NaN
			top = v
		}
	}
	return top
}

// lastMinute returns how many a second there were on average in the complete slots of the last minute.
func lastMinute(points []point, now time.Time, count func(point) uint64) float64 {
	from, n := newestSlot(now).Add(-time.Minute), uint64(0)
	for _, p := range points {
		if !p.Start.Before(from) {
			n += count(p)
		}
	}
	return float64(n) / time.Minute.Seconds()
}

func middle(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2] }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func millisecondsText(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 100_000:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
	return time.Duration(ms * float64(time.Millisecond)).Round(time.Second).String()
}

func rateText(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0"
	case perSecond < 10:
		return fmt.Sprintf("%.1f", perSecond)
	}
	return grouped(uint64(math.Round(perSecond)))
}
