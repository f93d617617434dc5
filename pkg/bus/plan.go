package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrRefused says that a change would lose what is stored, or weaken how it is kept. Setup never makes one.
var ErrRefused = errors.New("refused")

// Plan lists what Setup would do, in the order in which it would. An empty one says that all is as declared.
type Plan []Change

// Change is one stream, bucket or consumer that is missing, or whose settings are not the declared ones.
type Change struct {
	Kind     string    // stream, bucket or consumer
	Name     string    // a consumer's is STREAM/consumer
	Make     bool      // it does not exist
	Settings []Setting // those that differ, by their names; none for what is made
	apply    func(ctx context.Context) error
}

// Setting is one setting that differs, by its name in the JetStream API.
type Setting struct {
	Name, From, To string
	Refused        string // why it is left as it is; empty when it is changed
}

// Refused returns an error that wraps ErrRefused and names every setting that would be left as it is, or nil.
func (p Plan) Refused() error {
	var errs []error
	for _, c := range p {
		for _, s := range c.Settings {
			if s.Refused != "" {
				errs = append(errs, fmt.Errorf("%s %s: %s: from %s to %s is %w: %s", c.Kind, c.Name, s.Name, s.From, s.To, ErrRefused, s.Refused))
			}
		}
	}
	return errors.Join(errs...)
}

// Plan compares what is there with a topology and changes nothing. embedded is as for Setup.
func (b *Bus) Plan(ctx context.Context, t Topology, embedded *Server) (Plan, error) {
	t = t.withDefaults()
	var plan Plan
	for _, want := range t.streams() {
		c, err := b.planStream(ctx, want, embedded)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", want.Name, err)
		}
		plan = plan.with(c)
	}
	for _, want := range t.consumers() {
		c, err := b.planConsumer(ctx, want)
		if err != nil {
			return nil, fmt.Errorf("consumer %s of %s: %w", want.config.Durable, want.stream, err)
		}
		plan = plan.with(c)
	}
	return plan, nil
}

// with adds a change if it is one.
func (p Plan) with(c Change) Plan {
	if !c.Make && len(c.Settings) == 0 {
		return p
	}
	return append(p, c)
}

// Apply makes a plan's changes, but for the settings that are refused: those stay. Roles may run meanwhile.
func (b *Bus) Apply(ctx context.Context, plan Plan) error {
	for _, c := range plan {
		if err := c.apply(ctx); err != nil {
			return fmt.Errorf("%s %s: %w", c.Kind, c.Name, err)
		}
	}
	return nil
}

func (b *Bus) planStream(ctx context.Context, want jetstream.StreamConfig, embedded *Server) (Change, error) {
	c := Change{Kind: "stream", Name: want.Name}
	if bucket, ok := strings.CutPrefix(want.Name, bucketStream("")); ok {
		c.Kind, c.Name = "bucket", bucket
	}
	s, err := b.js.Stream(ctx, want.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound) && embedded != nil && embedded.hasFiles(want.Name):
		return c, errors.New("its files exist but the server did not recover them (a wrong encryption key?); creating it would delete them")
	case errors.Is(err, jetstream.ErrStreamNotFound):
		c.Make, c.apply = true, func(ctx context.Context) error { _, err := b.js.CreateStream(ctx, want); return err }
		return c, nil
	case err != nil:
		return c, classify(err)
	}
	live := s.CachedInfo().Config
	differ, err := compare(live, want, operatorsOwn)
	if err != nil {
		return c, err
	}
	for i, d := range differ {
		if differ[i].Refused, err = b.refuseStream(ctx, d.Name, s, want); err != nil {
			return c, err
		}
	}
	c.Settings = settings(differ)
	c.apply = func(ctx context.Context) error {
		var merged jetstream.StreamConfig
		if changed, err := merge(live, differ, &merged); !changed || err != nil {
			return err
		}
		_, err := b.js.UpdateStream(ctx, merged)
		return err
	}
	return c, nil
}

func (b *Bus) planConsumer(ctx context.Context, want consumerDecl) (Change, error) {
	c := Change{Kind: "consumer", Name: want.stream + "/" + want.config.Durable}
	have, err := b.js.Consumer(ctx, want.stream, want.config.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		c.Make, c.apply = true, func(ctx context.Context) error {
			_, err := b.js.CreateConsumer(ctx, want.stream, want.config)
			return err
		}
		return c, nil
	case err != nil:
		return c, classify(err)
	}
	live := have.CachedInfo().Config
	differ, err := compare(live, want.config, operatorsOwn)
	if err != nil {
		return c, err
	}
	for i, d := range differ {
		differ[i].Refused = refuseConsumer(d.Name)
	}
	c.Settings = settings(differ)
	c.apply = func(ctx context.Context) error {
		var merged jetstream.ConsumerConfig
		if changed, err := merge(live, differ, &merged); !changed || err != nil {
			return err
		}
		_, err := b.js.UpdateConsumer(ctx, want.stream, merged)
		return err
	}
	return c, nil
}
