package bus

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// Commit says how a Publisher has a group of messages stored.
type Commit string

// Ways to commit.
const (
	// CommitConfigured is the way of the connection's Config.
	CommitConfigured Commit = ""
	// CommitFast stores a group by fast ingest (ADR-50): the server stores each message as it comes and acknowledges the
	// whole group once.
	CommitFast Commit = "fast"
	// CommitAtomic stores a group by an atomic batch: all or nothing, with one fsync for all where the server syncs before
	// it acknowledges. Elsewhere it costs more than it saves. A batch with one message that the server refuses, such as one
	// whose id it knows, is refused whole.
	CommitAtomic Commit = "atomic"
	// CommitSingle has each message acknowledged by itself.
	CommitSingle Commit = "single"
)

const (
	groupMessages = 512             // in one group at most; an atomic batch takes 1000
	groupBytes    = 4 << 20         // where a group ends, in bytes of bodies
	groupsOpen    = 1               // on their way at once; the server allows 50 atomic batches to a stream
	groupTimeout  = 3 * time.Second // for the answer to a group, so that a lost one does not hold up the next for long
)

// Publisher stores messages of one stream in groups: what arrives while others are on their way gathers, and goes together
// as soon as one of them is acknowledged. A message that arrives alone goes at once, so that nothing waits for company.
//
// A message counts as stored only when the server's answer proves it: the answer to a group says how many of its first
// messages are stored. Whatever an answer leaves open is published again by itself, under the same message id, so messages
// need one.
type Publisher struct {
	bus    *Bus
	inbox  string // of the answers, with the last dot
	commit Commit
	// tokens begins every token, which is the id of a batch as well: the server tells batches of a stream apart by nothing
	// else, whoever sends them. An id has 64 characters at most.
	tokens string

	mu      sync.Mutex
	single  bool // set once the stream turns out not to take groups
	waiting []*pending
	open    map[string]*group // on their way, by their token in the inbox
	groups  int               // of them, those that hold back what waits
	last    uint64
}

// pending is a message that waits for its answer.
type pending struct {
	msg  *nats.Msg
	left atomic.Bool   // nobody waits for it any more
	done chan answered // with room for the one answer
}

// wait is what a caller waits with.
type wait struct {
	done  chan answered
	timer *time.Timer // a context with a deadline costs ten times as much
}

type answered struct {
	ack Ack
	err error
}

// group is what goes to the server together.
type group struct {
	token    string
	members  []*pending
	holds    bool   // counts in Publisher.groups
	epoch    uint64 // of the connection before it was sent
	deadline *time.Timer
}

// NewPublisher returns a publisher for one stream. It ends with the connection.
func (b *Bus) NewPublisher(commit Commit) *Publisher {
	commit = cmp.Or(commit, b.commit)
	inbox := b.nc.NewInbox()
	p := &Publisher{bus: b, inbox: inbox + ".", commit: commit, tokens: inbox[strings.LastIndexByte(inbox, '.')+1:] + "-",
		single: commit == CommitSingle, open: map[string]*group{}}
	// Both err when the connection is closed, and then so does what is published.
	if sub, err := b.nc.Subscribe(p.inbox+">", p.answer); err == nil {
		_ = sub.SetPendingLimits(-1, -1) // an answer that is dropped could be the one that says no
	}
	b.tellOfLoss(p)
	return p
}

// Publish stores a message and returns once it is stored, within the time given. Errors are those of Bus.Publish. The sequence of the
// acknowledgement is 0 where the message was acknowledged with others. The message must not be changed afterwards; its reply
// subject is not used. One whose id was published before must go by PublishAgain.
func (p *Publisher) Publish(ctx context.Context, m *nats.Msg, within time.Duration) (Ack, error) {
	return p.publish(ctx, m, within, false)
}

// PublishAgain is Publish for a message that may have been published before, without a word of what became of it. It goes
// by itself: in a group nats-server 2.15 passes over a message whose id it knows and counts it as stored, also while the
// first copy only waits to be replicated, as for ever on a leader that has lost its majority.
func (p *Publisher) PublishAgain(ctx context.Context, m *nats.Msg, within time.Duration) (Ack, error) {
	return p.publish(ctx, m, within, true)
}

func (p *Publisher) publish(ctx context.Context, m *nats.Msg, within time.Duration, again bool) (Ack, error) {
	w := waits.Get().(*wait)
	w.timer.Reset(within)
	e := &pending{msg: m, done: w.done}
	p.mu.Lock()
	var g *group
	if again {
		g = p.opened(&group{members: []*pending{e}})
	} else {
		p.waiting = append(p.waiting, e)
		g = p.next()
	}
	p.mu.Unlock()
	p.send(g)
	select {
	case a := <-w.done:
		w.timer.Stop()
		waits.Put(w) // that was the one answer
		return a.ack, a.err
	case <-ctx.Done():
		e.left.Store(true)
		w.timer.Stop()
		return Ack{}, classify(ctx.Err())
	case <-w.timer.C:
		e.left.Store(true)
		return Ack{}, classify(context.DeadlineExceeded)
	}
}

// waits are at hand for messages to come. One that was left is not used again: its answer may still arrive.
var waits = sync.Pool{New: func() any { return &wait{make(chan answered, 1), time.NewTimer(time.Hour)} }}

// next opens a group of what waits, unless enough are on their way; then nil. The lock is held.
func (p *Publisher) next() *group {
	if p.groups >= groupsOpen && !p.single || len(p.waiting) == 0 {
		return nil
	}
	n, size, most := 0, 0, groupMessages
	if p.single {
		most = 1
	}
	for n < len(p.waiting) && n < most && size < groupBytes {
		size += len(p.waiting[n].msg.Data)
		n++
	}
	members := make([]*pending, 0, n)
	for _, e := range p.waiting[:n] {
		if !e.left.Load() {
			members = append(members, e)
		}
	}
	rest := copy(p.waiting, p.waiting[n:])
	clear(p.waiting[rest:])
	p.waiting = p.waiting[:rest]
	if len(members) == 0 {
		return p.next()
	}
	p.groups++
	return p.opened(&group{members: members, holds: true})
}

// opened notes a group as on its way. The lock is held.
func (p *Publisher) opened(g *group) *group {
	p.last++
	g.token = p.tokens + strconv.FormatUint(p.last, 36)
	g.epoch = p.bus.epoch()
	g.deadline = time.AfterFunc(groupTimeout, func() { p.finish(g.token, 0, nats.ErrTimeout) })
	p.open[g.token] = g
	return g
}

// send sends a group, or nothing when there is none.
func (p *Publisher) send(g *group) {
	if g == nil {
		return
	}
	err := p.write(g)
	if err != nil && len(g.members) > 1 {
		err = errPartly // it may lie in one of them, such as one that is too large
	}
	if err != nil {
		p.finish(g.token, 0, err)
	}
}

// answer takes what the server says of a group. It runs for one answer after the other.
func (p *Publisher) answer(m *nats.Msg) {
	token, _, _ := strings.Cut(m.Subject[len(p.inbox):], ".")
	p.mu.Lock()
	g := p.open[token]
	p.mu.Unlock()
	if g == nil {
		return // it was settled before
	}
	a, final := readAnswer(m, token, len(g.members))
	if !final {
		return
	}
	if a.plain {
		p.ungroup()
	}
	if len(g.members) == 1 {
		if p.take(token) != nil {
			g.members[0].done <- answered{a.ack, classify(a.err)}
			p.goOn(g)
		}
		return
	}
	if p.bus.epoch() != g.epoch {
		a.stored = 0 // an answer that said no may be lost with the former connection
	}
	p.finish(token, a.stored, a.err)
}

// finish settles a group of which the first messages are stored. The others are published again one by one, unless err
// says that nothing would come of it now.
func (p *Publisher) finish(token string, stored int, err error) {
	g := p.take(token)
	if g == nil {
		return
	}
	for i, e := range g.members {
		switch {
		case i < stored:
			e.done <- answered{}
		case !apart(err):
			e.done <- answered{err: classify(err)}
		default:
			p.mu.Lock()
			again := p.opened(&group{members: g.members[i : i+1]})
			p.mu.Unlock()
			p.send(again)
		}
	}
	p.goOn(g)
}

// take removes a group from those on their way and returns it, or nil when it was settled before.
func (p *Publisher) take(token string) *group {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.open[token]
	if g != nil {
		delete(p.open, token)
		g.deadline.Stop()
	}
	return g
}

// goOn sends what gathered while a group that is settled was on its way.
func (p *Publisher) goOn(settled *group) {
	if !settled.holds {
		return
	}
	p.mu.Lock()
	p.groups--
	g := p.next()
	p.mu.Unlock()
	p.send(g)
}

// lost settles everything on its way: the connection is lost, and with it the answers.
func (p *Publisher) lost(err error) {
	p.mu.Lock()
	tokens := make([]string, 0, len(p.open))
	for token := range p.open {
		tokens = append(tokens, token)
	}
	p.mu.Unlock()
	for _, token := range tokens {
		p.finish(token, 0, err)
	}
}

// ungroup publishes one by one from now on: the stream or the server does not take groups.
func (p *Publisher) ungroup() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.single {
		p.single = true
		p.bus.log.Warn("the stream does not take groups of messages, each is acknowledged by itself: run hookproof setup, with nats-server 2.14 or later")
	}
}
