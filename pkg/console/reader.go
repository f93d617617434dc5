package console

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/health"
	"github.com/hookproof/hookproof/pkg/webhook"
)

const (
	// partTime bounds the reading of one part of a snapshot. A part that failed is left alone for retryAfter: what the
	// role is refused would be refused every second, and time out.
	partTime   = 2 * time.Second
	retryAfter = 10 * time.Second
	// recordsEvery is how often the provisioner's records are looked at, and historyEvery the history.
	recordsEvery = 3 * time.Second
	// kept is how many refused requests are remembered.
	kept = 1000
)

// snapshot is what one reading found.
type snapshot struct {
	Taken   time.Time // when the reading began
	Known   time.Time // when the bus answered last; zero if it never did
	Trouble string    // why it does not answer now, in words; empty if it does

	Streams  part[[]streamState]
	Backlog  part[[]backlogState]
	History  part[[]point]
	Refused  part[[]audit.Entry] // the newest first
	Records  part[[]webhook.Record]
	Enforced map[string]audit.Control // by webhook; nil where the role judges nothing
}

// part is one piece of a snapshot. It keeps its value while it cannot be read anew.
type part[T any] struct {
	Visible bool // the role may read it
	Value   T
	ReadAt  time.Time // when the value was read; zero before the first time
	Trouble string    // why it could not be read the last time; empty if it could
	next    time.Time // when it is read again
}

type streamState struct {
	Name string
	bus.State
}

type backlogState struct {
	health.Durable
	bus.Backlog
}

// reader takes snapshots. It is not safe for concurrent use.
type reader struct {
	cfg     Config
	bus     *bus.Bus
	log     *slog.Logger
	history *history
	place   audit.Place
	records *bus.Mirror[webhook.Record]
	last    snapshot
}

func newReader(cfg Config, b *bus.Bus, log *slog.Logger) *reader {
	r := &reader{cfg: cfg, bus: b, log: log, history: newHistory(b), records: bus.NewMirror(b, bus.BucketWebhooks, webhook.DecodeRecord, log)}
	r.last.Streams.Visible, r.last.Backlog.Visible = len(cfg.Streams) > 0, len(cfg.Consumers) > 0
	r.last.History.Visible, r.last.Refused.Visible = cfg.Audit != nil, cfg.Audit != nil
	r.last.Records.Visible = cfg.Webhooks
	return r
}

// read takes a snapshot. What cannot be read stays as it was read last.
func (r *reader) read(ctx context.Context) snapshot {
	s := &r.last
	s.Taken, s.Trouble = time.Now(), ""
	if r.cfg.Audit != nil {
		s.Enforced = r.cfg.Audit.Controls()
	}
	ready, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	if err := r.bus.Ready(ready); err != nil {
		s.Trouble = err.Error()
		return *s
	}
	s.Known = time.Now()
	refresh(ctx, r, "streams", &s.Streams, 0, r.readStreams)
	refresh(ctx, r, "backlog", &s.Backlog, 0, r.readBacklog)
	refresh(ctx, r, "history", &s.History, 0, r.readHistory)
	refresh(ctx, r, "refused", &s.Refused, 0, r.readRefused)
	refresh(ctx, r, "records", &s.Records, recordsEvery, r.readRecords)
	return *s
}

// refresh reads a part if it is visible and due.
func refresh[T any](ctx context.Context, r *reader, name string, p *part[T], every time.Duration, read func(context.Context) (T, error)) {
	now := time.Now()
	if !p.Visible || now.Before(p.next) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	value, err := read(ctx)
	if err != nil {
		r.log.DebugContext(ctx, "console: a part cannot be read", "part", name, "error", err)
		p.Trouble, p.next = err.Error(), now.Add(retryAfter)
		return
	}
	p.Value, p.ReadAt, p.Trouble, p.next = value, now, "", now.Add(every)
}

func (r *reader) readStreams(ctx context.Context) (all []streamState, err error) {
	for _, name := range r.cfg.Streams {
		s, err := r.bus.State(ctx, name, "")
		if err != nil {
			return nil, err
		}
		all = append(all, streamState{name, s})
	}
	return all, nil
}

func (r *reader) readBacklog(ctx context.Context) (all []backlogState, err error) {
	for _, d := range r.cfg.Consumers {
		b, err := r.bus.Backlog(ctx, d.Stream, d.Consumer)
		if err != nil {
			return nil, err
		}
		all = append(all, backlogState{d, b})
	}
	return all, nil
}

func (r *reader) readHistory(ctx context.Context) ([]point, error) {
	now := time.Now()
	err := r.history.advance(ctx, now)
	if ctx.Err() != nil { // the rest comes with the next reading
		err = nil
	}
	return r.history.points(now), err
}

func (r *reader) readRefused(ctx context.Context) ([]audit.Entry, error) {
	fresh, place, err := r.cfg.Audit.Refused(ctx, r.place, kept)
	if err != nil {
		return nil, err
	}
	r.place = place
	for i := range fresh {
		fresh[i] = detached(fresh[i])
	}
	all := append(fresh, r.last.Refused.Value...) // fresh is a slice of this reading alone
	return slices.Clip(all[:min(len(all), kept)]), nil
}

// longest is how many bytes of a text are kept, which is more than any that a verifier writes.
const longest = 300

// detached copies an entry's texts, which are parts of the whole header that a stranger sent, so that keeping an entry does
// not keep that.
func detached(e audit.Entry) audit.Entry {
	for _, text := range []*string{&e.Webhook, &e.Reason, &e.Detail, &e.ID, &e.ReceivedAt, &e.Verifier} {
		*text = strings.Clone(strings.ToValidUTF8((*text)[:min(len(*text), longest)], "\uFFFD"))
	}
	return e
}

func (r *reader) readRecords(ctx context.Context) ([]webhook.Record, error) {
	if err := r.records.Current(ctx, time.Now()); err != nil {
		return nil, err
	}
	all := r.records.All()
	records := make([]webhook.Record, 0, len(all))
	for _, record := range all {
		records = append(records, record)
	}
	slices.SortFunc(records, func(a, b webhook.Record) int { return strings.Compare(a.Webhook, b.Webhook) })
	return records, nil
}
