package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
)

// Link is the way from a client to the nodes, or from one node to another. A new one is whole. A fault replaces the one
// before.
type Link struct {
	proxies []*toxiproxy.Proxy // one for each node that it leads to
}

func (c *Cluster) newLink(name string, upstreams ...string) (*Link, error) {
	l := &Link{}
	for i, upstream := range upstreams {
		listen, err := FreeAddr()
		if err != nil {
			return nil, err
		}
		p := toxiproxy.NewProxy(c.api, fmt.Sprintf("%s-%d", name, i), listen, upstream)
		if err := p.Start(); err != nil {
			l.close()
			return nil, fmt.Errorf("link %s: %w", name, err)
		}
		l.proxies = append(l.proxies, p)
	}
	return l, nil
}

// Link returns the link of a client, made at the first call with its name. It leads to every node, by an address for each.
func (c *Cluster) Link(role string) (*Link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.links[role]; l != nil {
		return l, nil
	}
	upstreams := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		upstreams[i] = n.client
	}
	l, err := c.newLink(role, upstreams...)
	if err == nil {
		c.links[role] = l
	}
	return l, err
}

// URL returns the link's addresses for a NATS client, comma-separated.
func (l *Link) URL() string {
	urls := make([]string, len(l.proxies))
	for i, p := range l.proxies {
		urls[i] = "nats://" + p.Listen
	}
	return strings.Join(urls, ",")
}

// To returns the part of a client's link that leads to one node.
func (l *Link) To(i int) *Link { return &Link{l.proxies[i : i+1]} }

// Cut closes all connections and refuses new ones.
func (l *Link) Cut() error {
	err := l.Heal()
	for _, p := range l.proxies {
		p.Stop()
	}
	return err
}

// Slow delays all that passes, in each direction by the given time, more or less the jitter.
func (l *Link) Slow(delay, jitter time.Duration) error {
	return l.impair("latency", map[string]int64{"latency": delay.Milliseconds(), "jitter": jitter.Milliseconds()}, "upstream", "downstream")
}

// HalfOpen lets connections live, and new ones come about, but every byte vanishes. Healed, they are closed.
func (l *Link) HalfOpen() error {
	return l.impair("timeout", map[string]int64{"timeout": 0}, "upstream", "downstream")
}

// Deafen lets requests pass and their answers vanish: what is stored is not known to be. Healed, the connections are closed.
func (l *Link) Deafen() error {
	return l.impair("timeout", map[string]int64{"timeout": 0}, "downstream")
}

// Heal ends whatever was done to the link.
func (l *Link) Heal() error {
	var errs []error
	for _, p := range l.proxies {
		p.Toxics.ResetToxics(context.Background())
		if err := p.Start(); err != nil && !errors.Is(err, toxiproxy.ErrProxyAlreadyStarted) {
			errs = append(errs, fmt.Errorf("heal link %s: %w", p.Name, err))
		}
	}
	return errors.Join(errs...)
}

// impair puts a toxic on a whole link, which stays up.
func (l *Link) impair(kind string, attributes map[string]int64, streams ...string) error {
	if err := l.Heal(); err != nil {
		return err
	}
	for _, p := range l.proxies {
		for _, s := range streams {
			text, err := json.Marshal(map[string]any{"type": kind, "stream": s, "attributes": attributes})
			if err != nil {
				return err
			}
			if _, err := p.Toxics.AddToxicJson(strings.NewReader(string(text))); err != nil {
				return fmt.Errorf("%s on link %s: %w", kind, p.Name, err)
			}
		}
	}
	return nil
}

func (l *Link) close() {
	for _, p := range l.proxies {
		p.Stop()
	}
}

// Links are broken and healed together.
type Links []*Link

// Cut cuts each link.
func (all Links) Cut() error { return all.each((*Link).Cut) }

// HalfOpen half-opens each link.
func (all Links) HalfOpen() error { return all.each((*Link).HalfOpen) }

// Slow slows each link.
func (all Links) Slow(delay, jitter time.Duration) error {
	return all.each(func(l *Link) error { return l.Slow(delay, jitter) })
}

// Heal heals each link.
func (all Links) Heal() error { return all.each((*Link).Heal) }

func (all Links) each(do func(*Link) error) error {
	var errs []error
	for _, l := range all {
		errs = append(errs, do(l))
	}
	return errors.Join(errs...)
}
