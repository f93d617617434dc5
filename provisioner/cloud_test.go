package provisioner_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
	"github.com/hookproof/hookproof/provisioner"
)

// cloud is a world with a simulated Genesys Cloud and a target that answers its events.
type cloud struct {
	*world
	sim    *genesystest.Simulator
	server *genesystest.Server
	target string
	answer atomic.Int64 // the status that the target answers with
	key    *secret.Key
}

func newCloud(t *testing.T, cfg genesystest.Config) *cloud {
	cfg.AllowInsecureTargets, cfg.RequestsPerMinute = true, -1
	c := &cloud{world: newWorld(t), sim: genesystest.New(cfg)}
	c.server = c.sim.Start(t)
	c.answer.Store(http.StatusOK)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(c.answer.Load())) }))
	t.Cleanup(target.Close)
	c.target = target.URL
	var err error
	if c.key, err = secret.NewKey(); err != nil {
		t.Fatal(err)
	}
	return c
}

// config is a provisioner's that sends each call once, so that tests can count.
func (c *cloud) config() provisioner.Config {
	cfg := c.world.config()
	cfg.Check = webhook.Options{AllowPrivateTargets: true}
	cfg.Secrets.Key = c.key
	cfg.Genesys = c.client(nil)
	return cfg
}

func (c *cloud) client(change func(*genesys.Config)) *genesys.Client {
	c.t.Helper()
	config := c.sim.ClientConfig(c.server)
	config.Attempts, config.PollInterval = 1, 10*time.Millisecond
	config.MaxRetryAfter, config.RequestsPerMinute = time.Millisecond, 100_000
	if change != nil {
		change(&config)
	}
	client, err := genesys.New(config, slog.New(slog.NewJSONHandler(&c.log, nil)))
	if err != nil {
		c.t.Fatal(err)
	}
	return client
}

// hook is a config message of kind webhook.
func (c *cloud) hook(name, ref, more string) string {
	return `{"webhook":"` + name + `","kind":"webhook","secret":"` + ref + `","targetUri":"` + c.target + "/" + name + `","events":["b.y","a.x"]` + more + `}`
}

// messaging is a config message of kind open-messaging.
func (c *cloud) messaging(name, ref, more string) string {
	return `{"webhook":"` + name + `","kind":"open-messaging","secret":"` + ref + `","targetUri":"` + c.target + "/" + name + `"` + more + `}`
}

// only returns the only webhook that there is.
func (c *cloud) only() genesys.Webhook {
	c.t.Helper()
	all := c.sim.State().Webhooks
	if len(all) != 1 {
		c.t.Fatalf("Genesys Cloud has %d webhooks, want 1: %+v", len(all), all)
	}
	return all[0]
}

// onlyIntegration returns the only integration that there is.
func (c *cloud) onlyIntegration() genesys.OpenMessaging {
	c.t.Helper()
	all := c.sim.State().Integrations
	if len(all) != 1 {
		c.t.Fatalf("Genesys Cloud has %d integrations, want 1: %+v", len(all), all)
	}
	return all[0]
}

// writes sums the calls that change something.
func writes(s genesystest.State) (n int) {
	for _, op := range []string{"CreateWebhook", "UpdateWebhook", "DeleteWebhook", "TestWebhook", "CreateIntegration", "UpdateIntegration", "DeleteIntegration"} {
		n += s.Calls[op]
	}
	return n
}

// listen starts a target of its own at which something can be seen.
func listen(t *testing.T, h http.HandlerFunc) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
