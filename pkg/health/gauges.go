package health

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/telemetry"
)

// DefaultInterval is how often a Watcher looks.
const DefaultInterval = 5 * time.Second

// Config says what a Watcher looks at.
type Config struct {
	Streams   []string      // by name
	Buckets   []string      // by name
	Consumers []Durable     // whose backlog counts
	Interval  time.Duration // default DefaultInterval
	Local     bool          // the server runs in this process, so that its clock tells nothing
	Also      *Watcher      // of another server, without a meter: the gauges show its readings too
}

// Durable names a durable consumer.
type Durable struct{ Stream, Consumer string }

// Watcher measures streams and consumers. What it cannot measure it does not report, so a gauge that is absent says that
// the bus cannot be asked; one that is there is never older than the interval.
type Watcher struct {
	cfg    Config
	bus    *bus.Bus
	log    *slog.Logger
	latest atomic.Pointer[[]reading]
}

// reading is one value of one gauge.
type reading struct {
	gauge  string
	value  float64
	labels []attribute.KeyValue
}

// Gauges, as OpenTelemetry names them.
const (
	gaugeMessages    = "hookproof.stream.messages"
	gaugeBytes       = "hookproof.stream.bytes"
	gaugeFill        = "hookproof.stream.fill"
	gaugeOldest      = "hookproof.stream.oldest.age"
	gaugePending     = "hookproof.consumer.pending"
	gaugeAckPending  = "hookproof.consumer.ack.pending"
	gaugeRedelivered = "hookproof.consumer.redelivered"
	gaugeClock       = "hookproof.clock.offset"
)

// NewWatcher returns a watcher whose gauges are in the meter; Run feeds them. A meter has one watcher, since a second one's
// gauges of the same names would never be asked. A nil meter measures nothing.
func NewWatcher(cfg Config, b *bus.Bus, meter metric.Meter, log *slog.Logger) *Watcher {
	if cfg.Interval <= 0 {
		cfg.Interval = DefaultInterval
	}
	cfg.Streams = slices.Compact(slices.Sorted(slices.Values(cfg.Streams))) // roles that share a process may name one twice
	w := &Watcher{cfg: cfg, bus: b, log: log}
	for _, g := range []telemetry.Gauge{
		{Name: gaugeMessages, Unit: "{message}", Description: "Messages that a stream holds."},
		{Name: gaugeBytes, Unit: "By", Description: "Bytes that a stream holds."},
		{Name: gaugeFill, Unit: "1", Description: "Part of its bytes that a stream has used, from 0 to 1."},
		{Name: gaugeOldest, Unit: "s", Description: "Age of the oldest message that a stream holds."},
		{Name: gaugePending, Unit: "{message}", Description: "Messages that a consumer has not been given yet."},
		{Name: gaugeAckPending, Unit: "{message}", Description: "Messages in work: given and not acknowledged."},
		{Name: gaugeRedelivered, Unit: "{message}", Description: "Messages in work that were given before."},
		{Name: gaugeClock, Unit: "s", Description: "How far this machine's clock is ahead of the NATS server's."},
	} {
		g.Observe = func(report func(float64, ...attribute.KeyValue)) { w.report(g.Name, report) }
		g.Register(telemetry.MeterOr(meter))
	}
	return w
}

func (w *Watcher) report(gauge string, report func(float64, ...attribute.KeyValue)) {
	if w.cfg.Also != nil {
		w.cfg.Also.report(gauge, report)
	}
	latest := w.latest.Load()
	if latest == nil {
		return
	}
	for _, r := range *latest {
		if r.gauge == gauge {
			report(r.value, r.labels...)
		}
	}
}

// Run looks again and again until ctx ends and returns nil.
func (w *Watcher) Run(ctx context.Context) error {
	tick := time.NewTicker(w.cfg.Interval)
	defer tick.Stop()
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look takes one reading of everything.
func (w *Watcher) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Interval)
	defer cancel()
	var all []reading
	for _, name := range w.cfg.Streams {
		all = append(all, w.stream(ctx, name, func() (bus.State, error) { return w.bus.State(ctx, name, "") })...)
	}
	for _, name := range w.cfg.Buckets {
		all = append(all, w.stream(ctx, "KV_"+name, func() (bus.State, error) { return w.bus.StateOfBucket(ctx, name) })...)
	}
	for _, d := range w.cfg.Consumers {
		all = append(all, w.consumer(ctx, d)...)
	}
	w.latest.Store(&all)
}

func (w *Watcher) stream(ctx context.Context, name string, state func() (bus.State, error)) []reading {
	asked := time.Now()
	s, err := state()
	if err != nil {
		w.log.DebugContext(ctx, "stream not measured", "stream", name, "error", err)
		return nil
	}
	stream := []attribute.KeyValue{attribute.String("stream", name)}
	oldest := time.Duration(0)
	if s.Messages > 0 {
		oldest = max(0, s.ServerTime.Sub(s.FirstTime))
	}
	all := []reading{
		{gaugeMessages, float64(s.Messages), stream}, {gaugeBytes, float64(s.Bytes), stream}, {gaugeFill, s.Fill(), stream},
		{gaugeOldest, oldest.Seconds(), stream},
	}
	if !w.cfg.Local {
		all = append(all, reading{gaugeClock, offset(asked, time.Now(), s.ServerTime).Seconds(), nil}) // of the last one asked
	}
	return all
}

// Clock checks, as the function Clock does, by the latest reading. It asks nobody: a server that is away has no clock that
// could be off.
func (w *Watcher) Clock() admin.Check {
	return admin.Check{Name: "clock", Run: func(context.Context) (fault error) {
		w.report(gaugeClock, func(ahead float64, _ ...attribute.KeyValue) {
			fault = clockFault(time.Duration(ahead * float64(time.Second)))
		})
		return fault
	}}
}

func (w *Watcher) consumer(ctx context.Context, d Durable) []reading {
	b, err := w.bus.Backlog(ctx, d.Stream, d.Consumer)
	if err != nil {
		w.log.DebugContext(ctx, "consumer not measured", "consumer", d.Consumer, "error", err)
		return nil
	}
	consumer := []attribute.KeyValue{attribute.String("stream", d.Stream), attribute.String("consumer", d.Consumer)}
	return []reading{{gaugePending, float64(b.Pending), consumer}, {gaugeAckPending, float64(b.AckPending), consumer}, {gaugeRedelivered, float64(b.Redelivered), consumer}}
}
