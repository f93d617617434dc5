package genesystest

import (
	"context"
	"sync"

	"golang.org/x/time/rate"
)

// maxInFlight bounds the deliveries under way at a time: a target that hangs slows the events down rather than filling
// the memory.
const maxInFlight = 1024

// Run sends events to the targets of all enabled webhooks and completed integrations, EventRate a second to each, until
// ctx ends. It returns nil once the attempts under way have been answered; retries that were waiting are given up.
func (s *Simulator) Run(ctx context.Context) error {
	if s.cfg.EventRate <= 0 {
		<-ctx.Done()
		return nil
	}
	var under sync.WaitGroup
	defer under.Wait()
	slots := make(chan struct{}, maxInFlight)
	pace := rate.NewLimiter(rate.Limit(s.cfg.EventRate), max(1, int(s.cfg.EventRate/20)))
	for pace.Wait(ctx) == nil {
		for _, t := range s.targets() {
			if !t.active {
				continue
			}
			select {
			case slots <- struct{}{}:
				under.Go(func() { s.emit(ctx, t); <-slots })
			case <-ctx.Done():
				return nil
			}
		}
	}
	return nil
}

// emit sends one event, genuine or forged.
func (s *Simulator) emit(ctx context.Context, t target) {
	if s.cfg.ForgeRatio > 0 && s.dice.chance(s.cfg.ForgeRatio) {
		s.forge(ctx, t, s.cfg.ForgeKinds[s.dice.pick(len(s.cfg.ForgeKinds))])
		return
	}
	s.deliver(ctx, t, s.event(t, now()))
}
