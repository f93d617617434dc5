package ingress

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/hookproof/hookproof/pkg/route"
)

// maxStrangers bounds the addresses whose budgets are remembered.
const maxStrangers = 16384

// budgets keeps those inside a route's allowlist apart from strangers, so that a stranger cannot use the sender's budget up.
// It is safe for concurrent use.
type budgets struct {
	strangers *rate.Limiter // all of them together
	perRate   rate.Limit    // of one stranger
	perBurst  int
	each      *lru.Cache[netip.Addr, *rate.Limiter]

	mu     sync.Mutex
	routes map[string]*rate.Limiter
}

// newBudgets returns budgets that give all strangers together so many requests a second; one of them gets a fifth of it.
func newBudgets(perSecond float64, burst int) *budgets {
	each, _ := lru.New[netip.Addr, *rate.Limiter](maxStrangers) // errs only on a size below 1
	return &budgets{
		strangers: rate.NewLimiter(rate.Limit(perSecond), burst), perRate: rate.Limit(perSecond / 5), perBurst: max(burst/5, 1),
		each: each, routes: map[string]*rate.Limiter{},
	}
}

// inside takes one request of an address inside the route's allowlist. It returns how long to wait, 0 to go on.
func (b *budgets) inside(r route.Route, now time.Time) time.Duration {
	if r.Rate <= 0 {
		return 0
	}
	limit, burst := rate.Limit(r.Rate), max(r.Burst, 1)
	b.mu.Lock()
	l, ok := b.routes[r.Webhook]
	if !ok || l.Limit() != limit || l.Burst() != burst {
		l = rate.NewLimiter(limit, burst)
		b.routes[r.Webhook] = l
	}
	b.mu.Unlock()
	return take(l, now)
}

// stranger takes one request of an address outside the allowlist. The address's own budget comes first, so that one
// address alone cannot use up what all share.
func (b *budgets) stranger(a netip.Addr, now time.Time) time.Duration {
	key := network(a)
	l, ok := b.each.Get(key)
	if !ok {
		l = rate.NewLimiter(b.perRate, b.perBurst)
		if former, raced, _ := b.each.PeekOrAdd(key, l); raced {
			l = former
		}
	}
	if wait := take(l, now); wait > 0 {
		return wait
	}
	return take(b.strangers, now)
}

// network returns what counts as one address: a /64 of IPv6, since its holder has all of them.
func network(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// take takes one event from a limiter, or nothing and returns how long until there is one.
func take(l *rate.Limiter, now time.Time) time.Duration {
	r := l.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}
