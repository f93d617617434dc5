package genesys_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
)

func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	for _, c := range []struct {
		name   string
		life   time.Duration
		after  time.Duration
		tokens int
	}{
		{"young", time.Hour, 58 * time.Minute, 1},
		{"a minute before", time.Hour, 59 * time.Minute, 2},
		{"shortest life, young", 300 * time.Second, 269 * time.Second, 1},
		{"shortest life, a tenth before", 300 * time.Second, 271 * time.Second, 2},
		{"expired", time.Hour, 2 * time.Hour, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, genesystest.Config{TokenTTL: c.life}, nil, func(t *testing.T, w world) {
				first := get(t.Context(), w.client)
				time.Sleep(c.after)
				if err := errors.Join(first, get(t.Context(), w.client)); err != nil {
					t.Fatal(err)
				}
				if s := w.sim.State(); s.Tokens != c.tokens || s.Calls["ListWebhooks"] != 2 {
					t.Errorf("%d tokens and %d calls, want %d and 2", s.Tokens, s.Calls["ListWebhooks"], c.tokens)
				}
			})
		})
	}
}

// TestTokenSingleFlight shows that calls which all need a token at once, or all see theirs refused at once, share one
// request for the next.
func TestTokenSingleFlight(t *testing.T) {
	inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
		w.sim.Inject(genesystest.Fault{Op: "Token", Kind: genesystest.Slow, Delay: time.Second, Times: -1})
		for want := 1; want <= 2; want++ {
			var calls sync.WaitGroup
			for range 20 {
				calls.Go(func() {
					if err := get(t.Context(), w.client); err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			if s := w.sim.State(); s.Calls["Token"] != want {
				t.Errorf("%d token requests, want %d", s.Calls["Token"], want)
			}
			w.sim.ExpireTokens()
		}
	})
}

// TestTokenWaitEndsWithTheContext shows that a call does not wait for another's token request longer than its own context.
func TestTokenWaitEndsWithTheContext(t *testing.T) {
	inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
		w.sim.Inject(genesystest.Fault{Op: "Token", Kind: genesystest.Slow, Delay: 20 * time.Second})
		var other sync.WaitGroup
		other.Go(func() {
			if err := get(t.Context(), w.client); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // the other one is asking
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var err error
		took := elapsed(func() { err = get(ctx, w.client) })
		if !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("it took %v and returned %v, want 1s and the deadline", took, err)
		}
		other.Wait()
		if s := w.sim.State(); s.Tokens != 1 {
			t.Errorf("%d tokens, want 1", s.Tokens)
		}
	})
}

func TestRefusedClient(t *testing.T) {
	wrong := func(c *genesys.Config) { c.ClientSecret = secret.New("not the client's secret") }
	inWorld(t, genesystest.Config{}, wrong, func(t *testing.T, w world) {
		_, err := w.client.CreateWebhook(t.Context(), webhook())
		e, ok := errors.AsType[*genesys.Error](err)
		if !ok || e.Op != "Token" || e.Status != http.StatusUnauthorized || e.Code != "invalid_client" || e.Temporary() || e.Ambiguous() {
			t.Errorf("CreateWebhook = %v, want the token endpoint's 401", err)
		}
		if s := w.sim.State(); s.Calls["Token"] != 1 || s.Calls["CreateWebhook"] != 0 {
			t.Errorf("calls %v, want one for a token and no other", s.Calls)
		}
	})
}

func TestCredentialsWithReservedCharacters(t *testing.T) {
	client := genesystest.OAuthClient{ID: "id:with/colon", Secret: secret.New("p%41ss +&=é:secret")}
	inWorld(t, genesystest.Config{Clients: []genesystest.OAuthClient{client}}, nil, func(t *testing.T, w world) {
		if err := get(t.Context(), w.client); err != nil {
			t.Error(err)
		}
	})
}

// TestMissingScopes shows for every operation which permission a 403 names.
func TestMissingScopes(t *testing.T) {
	powerless := genesystest.DemoClient()
	powerless.Scopes = []string{}
	for _, c := range []struct {
		op, scope string
		call      func(context.Context, *genesys.Client) error
	}{
		{"CreateWebhook", "integrations:webhook:write", func(ctx context.Context, c *genesys.Client) error { return second(c.CreateWebhook(ctx, webhook())) }},
		{"GetWebhook", "integrations:webhook:read", func(ctx context.Context, c *genesys.Client) error { return second(c.GetWebhook(ctx, "x")) }},
		{"UpdateWebhook", "integrations:webhook:write", func(ctx context.Context, c *genesys.Client) error {
			return second(c.UpdateWebhook(ctx, identified(webhook(), "x")))
		}},
		{"DeleteWebhook", "integrations:webhook:write", func(ctx context.Context, c *genesys.Client) error { return c.DeleteWebhook(ctx, "x") }},
		{"TestWebhook", "integrations:webhook:execute", func(ctx context.Context, c *genesys.Client) error { return second(c.TestWebhook(ctx, "x")) }},
		{"ListWebhooks", "integrations:webhook:read", func(ctx context.Context, c *genesys.Client) error {
			return second(c.FindWebhooksByName(ctx, "x"))
		}},
		{"CreateIntegration", "messaging:integration:add", func(ctx context.Context, c *genesys.Client) error {
			return second(c.CreateIntegration(ctx, integration()))
		}},
		{"GetIntegration", "messaging:integration:view", func(ctx context.Context, c *genesys.Client) error { return second(c.WaitIntegration(ctx, "x")) }},
		{"UpdateIntegration", "messaging:integration:edit", func(ctx context.Context, c *genesys.Client) error {
			return second(c.UpdateIntegration(ctx, genesys.OpenMessaging{ID: "x"}))
		}},
		{"DeleteIntegration", "messaging:integration:delete", func(ctx context.Context, c *genesys.Client) error { return c.DeleteIntegration(ctx, "x") }},
		{"ListIntegrations", "messaging:integration:view", func(ctx context.Context, c *genesys.Client) error {
			return second(c.FindIntegrationsByName(ctx, "x"))
		}},
	} {
		t.Run(c.op, func(t *testing.T) {
			inWorld(t, genesystest.Config{Clients: []genesystest.OAuthClient{powerless}}, nil, func(t *testing.T, w world) {
				e, ok := errors.AsType[*genesys.Error](c.call(t.Context(), w.client))
				if !ok || e.Op != c.op || e.MissingScope() != c.scope || e.Temporary() {
					t.Errorf("error %v, want one of %s that names %s", e, c.op, c.scope)
				}
				if calls := w.sim.State().Calls[c.op]; calls != 1 {
					t.Errorf("%d calls, want 1", calls)
				}
			})
		})
	}
}

func identified(w genesys.Webhook, id string) genesys.Webhook { w.ID = id; return w }

func second[T any](_ T, err error) error { return err }
