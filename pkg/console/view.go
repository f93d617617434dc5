package console

import (
	"slices"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
)

// shown is how many refused requests the page lists.
const shown = 50

// view is what the templates show of a snapshot.
type view struct {
	snapshot
	Verified, Blocked          plot
	Latency                    plot
	VerifiedRate, BlockedRate  string // a second, in the last minute
	VerifiedCount, BlockedEver uint64 // of all time
	Parked                     uint64 // held
	Share                      string // verified of the outcomes in the plots
	Median, Slowest            string // of the last minute's sample
	Waiting                    streamState
	Minutes                    []minute
	Reasons                    []reason
	ReasonsCut                 bool // only the newest requests are in Reasons
	Latest                     []audit.Entry
	Cards                      []card
}

func newView(s snapshot) view {
	v := view{snapshot: s, Latest: s.Refused.Value[:min(len(s.Refused.Value), shown)], Cards: cards(s)}
	points := s.History.Value
	verified := func(p point) uint64 { return p.Verified }
	rejected := func(p point) uint64 { return p.Rejected }
	v.Verified, v.Blocked, v.Latency = rates("Verified", points, s.Taken, verified), rates("Blocked", points, s.Taken, rejected), latencies("From receipt to outcome", points, s.Taken)
	v.VerifiedRate, v.BlockedRate = rateText(lastMinute(points, s.Taken, verified)), rateText(lastMinute(points, s.Taken, rejected))
	v.Share = share(points)
	v.Minutes = minutes(points)
	v.Median, v.Slowest = "–", "–"
	if sample := lastSample(points, s.Taken); len(sample) > 0 {
		v.Median, v.Slowest = millisecondsText(milliseconds(middle(sample))), millisecondsText(milliseconds(sample[len(sample)-1]))
	}
	for _, st := range s.Streams.Value {
		switch st.Name {
		case bus.StreamVerified:
			v.VerifiedCount = st.LastSequence
		case bus.StreamRejected:
			v.BlockedEver = st.LastSequence
		case bus.StreamParked:
			v.Parked = st.Messages
		case bus.StreamUnverified:
			v.Waiting = st
		}
	}
	v.Reasons, v.ReasonsCut = reasons(s.Refused.Value, s.Taken.Add(-slots*slotWidth))
	return v
}

func share(points []point) string {
	var verified, all uint64
	for _, p := range points {
		verified, all = verified+p.Verified, all+p.Verified+p.Rejected
	}
	if all == 0 {
		return ""
	}
	return rateText(100*float64(verified)/float64(all)) + " %"
}

func lastSample(points []point, now time.Time) (sample []time.Duration) {
	for _, p := range points {
		if !p.Start.Before(newestSlot(now).Add(-time.Minute)) {
			sample = append(sample, p.Latencies...)
		}
	}
	slices.Sort(sample)
	return sample
}

// minute is a row of the table behind the plots.
type minute struct {
	Start                      time.Time
	Verified, Rejected, Parked uint64
	Median, Slowest            string
}

// minutes sums points up, the newest minute first.
func minutes(points []point) (all []minute) {
	var sample []time.Duration
	for i, p := range points {
		start := p.Start.Truncate(time.Minute)
		if n := len(all); n == 0 || !all[n-1].Start.Equal(start) {
			all, sample = append(all, minute{Start: start, Median: "–", Slowest: "–"}), nil
		}
		m := &all[len(all)-1]
		m.Verified, m.Rejected, m.Parked = m.Verified+p.Verified, m.Rejected+p.Rejected, m.Parked+p.Parked
		sample = append(sample, p.Latencies...)
		if last := i == len(points)-1 || !points[i+1].Start.Truncate(time.Minute).Equal(start); last && len(sample) > 0 {
			slices.Sort(sample)
			m.Median, m.Slowest = millisecondsText(milliseconds(middle(sample))), millisecondsText(milliseconds(sample[len(sample)-1]))
		}
	}
	slices.Reverse(all)
	return all
}

// reason is how often requests to a webhook were refused for one reason.
type reason struct {
	Webhook, Reason, Stream string
	Count                   int
	Part                    float64 // of the most frequent
	Last                    time.Time
	Command                 string // lists what would be sent again; empty where nothing may
}

// reasons counts the entries since a time, the most frequent first; cut says that there may be more than are remembered.
func reasons(entries []audit.Entry, since time.Time) (all []reason, cut bool) {
	counts := map[[3]string]*reason{}
	cut = len(entries) == kept
	for _, e := range entries {
		if e.Timestamp.Before(since) {
			cut = false
			continue
		}
		key := [3]string{e.Webhook, e.Reason, e.Stream}
		r := counts[key]
		if r == nil {
			r = &reason{Webhook: e.Webhook, Reason: e.Reason, Stream: e.Stream, Last: e.Timestamp, Command: redriveCommand(e.Webhook, e.Reason, e.Stream)}
			counts[key] = r
		}
		r.Count++
	}
	for _, r := range counts {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b reason) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Webhook+a.Reason+a.Stream, b.Webhook+b.Reason+b.Stream)
	})
	for i := range all {
		all[i].Part = float64(all[i].Count) / float64(all[0].Count)
	}
	return all, cut
}

// Kept is how many refused requests are remembered.
func (v view) Kept() int { return kept }

// IsParked reports whether the requests could not be judged.
func (r reason) IsParked() bool { return r.Stream == bus.StreamParked }

// IsReplay reports whether they are copies of what may have been verified.
func (r reason) IsReplay() bool {
	return r.Reason == string(event.ReplayDetected) || r.Reason == string(event.ReplayTooOld)
}
