package genesys_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
)

// world is a client and the simulator that it talks to.
type world struct {
	sim    *genesystest.Simulator
	client *genesys.Client
	config genesys.Config
}

// inWorld runs a test in a bubble of its own, in which time costs nothing. change may be nil.
func inWorld(t *testing.T, cfg genesystest.Config, change func(*genesys.Config), test func(*testing.T, world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if cfg.Seed == 0 {
			cfg.Seed = 1
		}
		sim := genesystest.New(cfg)
		config := sim.ClientConfig(sim.StartInMemory(t))
		if change != nil {
			change(&config)
		}
		test(t, world{sim: sim, client: newClient(t, config), config: config})
	})
}

// inFront runs a test against a handler of its own instead of the simulator.
func inFront(t *testing.T, h http.HandlerFunc, test func(*testing.T, *genesys.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := genesystest.ServeInMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/oauth/token" {
				writeJSON(w, `{"access_token":"some-token","token_type":"bearer","expires_in":3600}`)
				return
			}
			h(w, r)
		}))
		test(t, newClient(t, genesystest.New(genesystest.Config{}).ClientConfig(srv)))
	})
}

func newClient(t *testing.T, config genesys.Config) *genesys.Client {
	t.Helper()
	client, err := genesys.New(config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func writeJSON(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(body))
}

func webhook() genesys.Webhook {
	return genesys.Webhook{
		Name:   "hookproof-genesys",
		URI:    "https://hooks.example.com/webhooks/genesys",
		Events: []string{"conversation.start", "conversation.end"},
		Security: genesys.Security{
			SecretKey:   secret.New("a webhook's secret, long enough"),
			IPWhitelist: []string{"203.0.113.0/24"},
			RateLimit:   genesys.RateLimit{MaxRequestsPerSecond: 50, BurstSize: 100},
		},
		Retry: genesys.RetryPolicy{RetryCount: 3, RetryDelaySeconds: 2},
	}
}

func integration() genesys.OpenMessaging {
	return genesys.OpenMessaging{
		Name:           "hookproof-messages",
		WebhookURL:     "https://hooks.example.com/webhooks/messages",
		Secret:         secret.New("an integration's secret, long enough"),
		WebhookHeaders: map[string]string{"X-Tenant": "blue"},
	}
}

func mustCreate(t *testing.T, c *genesys.Client) genesys.Webhook {
	t.Helper()
	w, err := c.CreateWebhook(t.Context(), webhook())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func mustIntegrate(t *testing.T, c *genesys.Client) genesys.OpenMessaging {
	t.Helper()
	o, err := c.CreateIntegration(t.Context(), integration())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// elapsed returns how long f takes on the bubble's clock.
func elapsed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// get is a read that tests use where any call would do.
func get(ctx context.Context, c *genesys.Client) error {
	_, err := c.ListWebhooks(ctx)
	return err
}

// tokenAnswer is the token endpoint's answer for tests without a server.
func tokenAnswer() *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"access_token":"some-token","token_type":"bearer","expires_in":3600}`)),
	}
}
