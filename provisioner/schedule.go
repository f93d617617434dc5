package provisioner

import (
	"context"
	"errors"
	"time"

	"github.com/hookproof/hookproof/pkg/webhook"
)

const (
	// tick is how often the scheduler looks for records that are due, those of other provisioners among them.
	tick = 250 * time.Millisecond
	// busRetry is the pause after a pass that could not even be recorded.
	busRetry = time.Second
)

// scheduler decides which webhooks are worked on. One goroutine owns it; each webhook has at most one pass at a time, and
// no webhook waits for another's.
type scheduler struct {
	p       *Provisioner
	running map[string]*run
	ended   chan *run
	known   map[string]known
}

// run is a pass under way.
type run struct {
	name     string
	sequence uint64 // of the message that it works for
	began    time.Time
	cancel   context.CancelCauseFunc
	view     view // the record as the pass left it
	err      error
}

// known is what this process knows of a webhook beside the mirror.
type known struct {
	view      view      // newer than the mirror's, or older
	checkedAt time.Time // when the last pass that was recorded began; the zero time makes every record due once after the start
	notBefore time.Time // no pass earlier, because the last one could not be recorded or has to wait a moment
}

// schedule works until ctx ends and all passes have ended.
func (p *Provisioner) schedule(ctx context.Context) error {
	s := &scheduler{p: p, running: map[string]*run{}, ended: make(chan *run), known: map[string]known{}}
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case v := <-p.taken:
			s.learn(v)
			s.consider(ctx, v.Webhook)
		case r := <-s.ended:
			s.end(r)
			s.consider(ctx, r.name)
		case <-ticker.C:
			s.considerAll(ctx)
		}
	}
	for len(s.running) > 0 {
		r := <-s.ended
		delete(s.running, r.name)
	}
	return nil
}

func (s *scheduler) learn(v view) {
	k := s.known[v.Webhook]
	if v.revision > k.view.revision {
		k.view = v
		s.known[v.Webhook] = k
	}
}

func (s *scheduler) considerAll(ctx context.Context) {
	select {
	case <-s.p.records.Loaded():
	default:
		return
	}
	for _, v := range s.p.records.All() {
		s.learn(v)
	}
	for name := range s.known {
		s.consider(ctx, name)
	}
}

// consider starts a pass if one is due, and interrupts one that works for an older message.
func (s *scheduler) consider(ctx context.Context, name string) {
	k := s.known[name]
	if r := s.running[name]; r != nil {
		if k.view.ConfigSequence != r.sequence {
			r.cancel(errInterrupted)
		}
		return
	}
	if ctx.Err() != nil || !k.due(s.p.cfg) {
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r := &run{name: name, sequence: k.view.ConfigSequence, began: s.p.cfg.now(), cancel: cancel}
	s.running[name] = r
	go func() {
		defer cancel(nil)
		r.view, r.err = s.p.reconcile(ctx, name)
		s.ended <- r
	}()
}

func (s *scheduler) end(r *run) {
	delete(s.running, r.name)
	s.learn(r.view)
	k, now := s.known[r.name], s.p.cfg.now()
	k.notBefore = time.Time{}
	pause, waits := errors.AsType[pauseError](r.err)
	switch {
	case r.err == nil:
		k.checkedAt = r.began // what came about since was not seen
	case waits:
		k.notBefore = now.Add(pause.after)
	case errors.Is(r.err, errLost), errors.Is(r.err, context.Canceled):
		k.checkedAt = time.Time{} // what it wrote last may have been out of date
	default:
		k.notBefore = now.Add(busRetry)
		s.p.log.Warn("pass not recorded, trying again", "webhook", r.name, "error", r.err)
	}
	s.known[r.name] = k
}

// due reports whether it is time for a pass.
func (k known) due(cfg Config) bool {
	now, v := cfg.now(), k.view
	switch {
	case v.Desired == nil, v.Lease.HeldAgainst(cfg.Instance, now), now.Before(k.notBefore):
		return false
	case !v.Status.NextTry.IsZero() && !now.Before(v.Status.NextTry):
		return true
	case v.Status.Phase == webhook.PhaseWaiting:
		return false
	case v.Status.Phase.Final():
		return k.checkedAt.IsZero() || now.Sub(k.checkedAt) >= cfg.Recheck
	}
	return true
}
