package provisioner_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/webhook"
)

const follows = `,"allowlist":["192.0.2.7","genesys:open-messaging"]`

func (c *cloud) allowlist(name string) string {
	p, _ := c.policy(name)
	r, _ := c.route(name)
	if fmt.Sprint(p.Allowlist) != fmt.Sprint(r.Allowlist) {
		return fmt.Sprintf("policy %v, route %v", p.Allowlist, r.Allowlist)
	}
	return fmt.Sprint(p.Allowlist)
}

func published(cidrs ...string) (ranges []genesystest.IPRange) {
	for _, cidr := range cidrs {
		ranges = append(ranges, genesystest.IPRange{CIDR: cidr, Service: "open-messaging", Direction: "outbound"})
	}
	return ranges
}

func TestAllowlistFollowsTheAddresses(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.run(c.config())
	live := c.apply("chat", c.messaging("chat", envA, follows))
	if got, want := c.allowlist("chat"), "[192.0.2.7/32 198.51.100.0/28 203.0.113.64/26]"; got != want {
		t.Fatalf("allowlist = %s, want %s", got, want)
	}
	if wait := time.Until(live.NextTry); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("next try in %s, want 1h", wait)
	}
	at := func(after time.Duration, what, want string) {
		t.Helper()
		c.ahead.Store(int64(after))
		calls := c.sim.State().Calls["IPRanges"]
		c.eventually(what, func() bool { return c.allowlist("chat") == want && c.sim.State().Calls["IPRanges"] >= calls })
		c.eventually("live", func() bool { return c.record("chat").Status.Phase == webhook.PhaseLive })
	}
	c.sim.SetIPRanges(published("203.0.113.64/26", "2001:db8::/48"))
	at(61*time.Minute, "one came, none left yet", "[192.0.2.7/32 198.51.100.0/28 203.0.113.64/26 2001:db8::/48]")
	at(24*time.Hour, "the one that left is within its grace", "[192.0.2.7/32 198.51.100.0/28 203.0.113.64/26 2001:db8::/48]")
	at(26*time.Hour, "the one that left is gone", "[192.0.2.7/32 203.0.113.64/26 2001:db8::/48]")
	c.apply("chat", c.messaging("chat", envA, ""))
	if got := c.allowlist("chat"); got != "[]" {
		t.Errorf("allowlist = %s after it follows no longer", got)
	}
}

// TestTheLastGoodAddressesStay serves answers that are of no use.
func TestTheLastGoodAddressesStay(t *testing.T) {
	const want = "[192.0.2.7/32 198.51.100.0/28 203.0.113.64/26]"
	for name, spoil := range map[string]func(*genesystest.Simulator){
		"empty": func(s *genesystest.Simulator) { s.SetIPRanges(nil) },
		"others": func(s *genesystest.Simulator) {
			s.SetIPRanges([]genesystest.IPRange{{CIDR: "192.0.2.0/24", Service: "other"}})
		},
		"malformed": func(s *genesystest.Simulator) { s.SetIPRanges(published("203.0.113.0/24", "here")) },
		"every":     func(s *genesystest.Simulator) { s.SetIPRanges(published("0.0.0.0/0")) },
		"500": func(s *genesystest.Simulator) {
			s.Inject(genesystest.Fault{Op: "IPRanges", Kind: genesystest.ServerError, Times: -1})
		},
		"half": func(s *genesystest.Simulator) {
			s.Inject(genesystest.Fault{Op: "IPRanges", Kind: genesystest.HalfJSON, Times: -1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, genesystest.Config{})
			stop := c.run(c.config())
			c.apply("chat", doc("chat", envA, follows)) // a webhook of the kind none may follow too
			calls := c.sim.State().Calls["IPRanges"]
			spoil(c.sim)
			c.ahead.Store(int64(48 * time.Hour))
			c.eventually("they are asked for again and again", func() bool { return c.sim.State().Calls["IPRanges"] > calls+1 })
			stop()
			c.ahead.Store(int64(49 * time.Hour)) // past its lease, if it could not give that back
			c.run(c.config())
			live := c.apply("chat", doc("chat", envA, follows))
			if got := c.allowlist("chat"); got != want || live.Error != "" {
				t.Errorf("allowlist = %s, want %s; status %+v", got, want, live)
			}
		})
	}
}

func TestWithoutAnyAddressesNothingIsAllowed(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.sim.SetIPRanges(nil)
	c.run(c.config())
	seq := c.publish("chat", c.messaging("chat", envA, follows))
	c.await(seq, webhook.PhaseWaiting)
	if _, revision := c.policy("chat"); revision != 0 {
		t.Error("a policy was written without the addresses")
	}
	c.sim.SetIPRanges(published("203.0.113.0/24"))
	c.await(seq, webhook.PhaseLive)
}
