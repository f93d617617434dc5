package provisioner_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// A faultCase is one line of the table: what goes wrong, what the status says first, and how many calls there were once the
// webhook was live or had failed.
type faultCase struct {
	name  string
	fault genesystest.Fault
	first webhook.Phase // PhaseLive: nobody notices
	text  string        // of its error
	calls string        // CreateWebhook ListWebhooks GetWebhook UpdateWebhook TestWebhook
	slow  bool          // no answer in time
}

const (
	live, waiting, failed = webhook.PhaseLive, webhook.PhaseWaiting, webhook.PhaseFailed
)

func on(op string, kind genesystest.Kind) genesystest.Fault {
	return genesystest.Fault{Op: op, Kind: kind}
}

func faultCases() []faultCase {
	status := func(op string, status int) genesystest.Fault {
		return genesystest.Fault{Op: op, Kind: genesystest.ServerError, Status: status}
	}
	return []faultCase{
		{name: "none", fault: on("Nothing", genesystest.Reset), first: live, calls: "1 1 0 1 1"},

		// The creation. What may have had its effect is looked for before it is sent again.
		{name: "create 429", fault: on("CreateWebhook", genesystest.RateLimited), first: waiting, text: "create: genesys: CreateWebhook: status 429", calls: "2 2 0 1 1"},
		{name: "create 400", fault: status("CreateWebhook", 400), first: failed, text: "status 400", calls: "1 1 0 0 0"},
		{name: "create 403", fault: on("CreateWebhook", genesystest.MissingScope), first: failed, text: "the OAuth client needs integrations:webhook:write", calls: "1 1 0 0 0"},
		{name: "create 401 once", fault: on("CreateWebhook", genesystest.ExpiredToken), first: live, calls: "2 1 0 1 1"},
		{name: "create 401 again", fault: genesystest.Fault{Op: "CreateWebhook", Kind: genesystest.ExpiredToken, Times: 2}, first: failed, text: "check GENESYS_CLIENT_ID", calls: "2 1 0 0 0"},
		{name: "create 500 without effect", fault: on("CreateWebhook", genesystest.ServerError), first: waiting, text: "it may have been done all the same", calls: "2 2 0 1 1"},
		{name: "create reset without effect", fault: on("CreateWebhook", genesystest.Reset), first: waiting, text: "CreateWebhook", calls: "2 2 0 1 1"},
		{name: "create HTML", fault: on("CreateWebhook", genesystest.HTML), first: waiting, text: "malformed answer", calls: "2 2 0 1 1"},
		{name: "create redirected", fault: genesystest.Fault{Op: "CreateWebhook", Kind: genesystest.Redirect, Location: "https://evil.example/"}, first: failed, text: "redirect", calls: "1 1 0 0 0"},
		{name: "create, answer lost", fault: on("CreateWebhook", genesystest.LostAnswer), first: waiting, text: "it may have been done all the same", calls: "1 2 0 2 1"},
		{name: "create, half an answer", fault: on("CreateWebhook", genesystest.HalfAnswer), first: waiting, text: "malformed answer", calls: "1 2 0 2 1"},
		{name: "create, half JSON", fault: on("CreateWebhook", genesystest.HalfJSON), first: waiting, text: "malformed answer", calls: "1 2 0 2 1"},
		{name: "create, gateway time-out", fault: on("CreateWebhook", genesystest.GatewayTimeout), first: waiting, text: "status 504", calls: "1 2 0 2 1"},
		{name: "create slow", fault: genesystest.Fault{Op: "CreateWebhook", Kind: genesystest.Slow, Delay: time.Minute}, first: waiting, text: "no answer in time", calls: "1 2 0 2 1", slow: true},

		// Looking up.
		{name: "list 500", fault: on("ListWebhooks", genesystest.ServerError), first: waiting, text: "find: genesys: ListWebhooks: status 500", calls: "1 2 0 1 1"},
		{name: "list 403", fault: on("ListWebhooks", genesystest.MissingScope), first: failed, text: "needs integrations:webhook:read", calls: "0 1 0 0 0"},
		{name: "list, half JSON", fault: on("ListWebhooks", genesystest.HalfJSON), first: waiting, text: "malformed", calls: "1 2 0 1 1"},

		// The test and enabling. The webhook is known by then.
		{name: "test 403", fault: on("TestWebhook", genesystest.MissingScope), first: failed, text: "needs integrations:webhook:execute", calls: "1 1 0 0 1"},
		{name: "test 503", fault: status("TestWebhook", 503), first: waiting, text: "test: genesys: TestWebhook: status 503", calls: "1 1 1 1 2"},
		{name: "test, answer lost", fault: on("TestWebhook", genesystest.LostAnswer), first: waiting, text: "TestWebhook", calls: "1 1 1 1 2"},
		{name: "enable 429", fault: on("UpdateWebhook", genesystest.RateLimited), first: waiting, text: "enable: genesys: UpdateWebhook: status 429", calls: "1 1 1 2 2"},
		{name: "enable, answer lost", fault: on("UpdateWebhook", genesystest.LostAnswer), first: waiting, text: "UpdateWebhook", calls: "1 1 1 1 1"},
		{name: "enable 404", fault: status("UpdateWebhook", 404), first: waiting, text: "status 404", calls: "1 1 1 2 2"},

		// The token.
		{name: "token refused", fault: status("Token", 401), first: failed, text: "check GENESYS_CLIENT_ID", calls: "0 0 0 0 0"},
		{name: "token 500", fault: on("Token", genesystest.ServerError), first: waiting, text: "Token: status 500", calls: "1 1 0 1 1"},
	}
}

func TestFaults(t *testing.T) {
	for _, f := range faultCases() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(t)
		})
	}
}

func (f faultCase) run(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	cfg := c.config()
	if f.slow {
		cfg.Genesys = c.client(func(g *genesys.Config) { g.Timeout = 5 * time.Second })
		cfg.Backoff, cfg.MaxBackoff = 2*time.Hour, 2*time.Hour // until the creation has had its effect
	}
	c.sim.Inject(f.fault)
	c.run(cfg)
	seq := c.publish("orders", c.hook("orders", envA, ""))
	if f.first != live {
		if s := c.await(seq, waiting, failed); s.Phase != f.first || !strings.Contains(s.Error, f.text) || (s.Phase == waiting) != !s.NextTry.IsZero() {
			t.Errorf("first %s, next try %s, error %q; want %s with %q", s.Phase, s.NextTry, s.Error, f.first, f.text)
		}
	}
	if f.slow {
		c.eventually("it is created", func() bool { return c.sim.State().Created["webhook"] == 1 })
		c.ahead.Store(int64(2 * time.Hour))
	}
	last := live
	if f.first == failed {
		last = failed
	}
	c.await(seq, last)
	if p, _ := c.policy("orders"); len(p.Secrets) != 1 {
		t.Errorf("policy = %+v, want it to be there in any case", p)
	}
	s := c.sim.State()
	calls := fmt.Sprint(s.Calls["CreateWebhook"], s.Calls["ListWebhooks"], s.Calls["GetWebhook"], s.Calls["UpdateWebhook"], s.Calls["TestWebhook"])
	if calls != f.calls {
		t.Errorf("calls = %s, want %s", calls, f.calls)
	}
	if last == live && !c.only().Enabled {
		t.Error("the webhook is not enabled")
	}
	if last == live && (s.Created["webhook"] != 1 || c.only().Security.SecretKey.Reveal() != "secret-A-0123456789") {
		t.Errorf("created = %v, webhook %+v", s.Created, s.Webhooks)
	}
}

// TestRetryAfterIsHonoured covers what Genesys Cloud asks for, up to an hour.
func TestRetryAfterIsHonoured(t *testing.T) {
	for asked, want := range map[string]time.Duration{"90": 90 * time.Second, "86400": time.Hour} {
		c := newCloud(t, genesystest.Config{})
		c.sim.Inject(genesystest.Fault{Op: "CreateWebhook", Kind: genesystest.RateLimited, RetryAfter: asked})
		c.run(c.config())
		began := time.Now()
		s := c.await(c.publish("orders", c.hook("orders", envA, "")), waiting)
		if wait := s.NextTry.Sub(began); wait < want-time.Second || wait > want+10*time.Second {
			t.Errorf("Retry-After %s: next try in %s, want %s", asked, wait, want)
		}
		c.apply("other", c.hook("other", envB, ""))   // nobody else waits
		c.apply("orders", c.hook("orders", envC, "")) // and a newer message does not either
	}
}

// TestOneWebhooksTroubleDelaysNoOther lets every call for one webhook hang, for longer than the test waits for another's status.
func TestOneWebhooksTroubleDelaysNoOther(t *testing.T) {
	c := newCloud(t, genesystest.Config{})
	c.run(c.config())
	id := c.apply("orders", c.hook("orders", envA, "")).GenesysID
	c.sim.Inject(genesystest.Fault{Path: "/api/v2/integrations/webhooks/" + id, Kind: genesystest.Slow, Delay: time.Hour, Times: -1})
	calls := c.sim.State().Calls["GetWebhook"]
	stuck := c.publish("orders", c.hook("orders", envA, `,"retryPolicy":{"retryCount":1}`))
	c.eventually("its call hangs", func() bool { return c.sim.State().Calls["GetWebhook"] > calls })
	for i := range 5 {
		name := fmt.Sprintf("w%d", i)
		c.env.Store("HOOKPROOF_SECRET_"+name, "secret-of-"+name+"-0123456789")
		c.apply(name, c.hook(name, "env:HOOKPROOF_SECRET_"+name, ""))
	}
	for _, s := range c.heard(stuck) {
		if s.Phase == live {
			t.Errorf("status of the one that hangs = %+v", s)
		}
	}
	c.sim.ClearFaults()
	c.apply("orders", c.hook("orders", envA, "")) // a newer message ends the call
}
