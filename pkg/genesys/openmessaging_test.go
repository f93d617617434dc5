package genesys_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
)

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func TestWaitIntegration(t *testing.T) {
	for _, c := range []struct {
		name  string
		polls int
		delay time.Duration
		limit time.Duration
		calls int
		took  time.Duration
		want  error
		fault genesystest.Kind
	}{
		{name: "at once", polls: -1, calls: 1},
		{name: "one poll", polls: 1, calls: 2, took: time.Second},
		{name: "four polls, growing", polls: 4, calls: 5, took: 1000*time.Millisecond + 1500*time.Millisecond + 2250*time.Millisecond + 3375*time.Millisecond},
		{name: "a minute", polls: -1, delay: time.Minute, calls: 10, took: 62171875 * time.Microsecond},
		{name: "in an error", polls: 1, calls: 2, took: time.Second, fault: genesystest.CreationFails, want: genesys.ErrCreation},
		{name: "never", polls: 1 << 20, limit: 20 * time.Second, calls: 6, took: 20 * time.Second, want: context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, genesystest.Config{CompletionPolls: c.polls, CompletionDelay: c.delay}, nil, func(t *testing.T, w world) {
				if c.fault != "" {
					w.sim.Inject(genesystest.Fault{Op: "CreateIntegration", Kind: c.fault})
				}
				ctx, cancel := contextFor(t, orHour(c.limit))
				defer cancel()
				created := mustIntegrate(t, w.client)
				var got genesys.OpenMessaging
				var err error
				took := elapsed(func() { got, err = w.client.WaitIntegration(ctx, created.ID) })
				if created.CreateStatus == "" || !errors.Is(err, c.want) || took != c.took {
					t.Errorf("after %v: %v, want %v after %v", took, err, c.want, c.took)
				}
				if c.want == nil && (got.CreateStatus != genesys.CreateCompleted || got.ID != created.ID) {
					t.Errorf("WaitIntegration = %+v, want it completed", got)
				}
				if calls := w.sim.State().Calls["GetIntegration"]; calls != c.calls {
					t.Errorf("%d polls, want %d", calls, c.calls)
				}
			})
		})
	}
}

func orHour(d time.Duration) time.Duration {
	if d == 0 {
		return time.Hour
	}
	return d
}

func TestCreationErrorSaysWhy(t *testing.T) {
	inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
		w.sim.Inject(genesystest.Fault{Op: "CreateIntegration", Kind: genesystest.CreationFails})
		_, err := w.client.WaitIntegration(t.Context(), mustIntegrate(t, w.client).ID)
		e, ok := errors.AsType[*genesys.Error](err)
		if !ok || e.Code == "" || e.Message == "" || e.Temporary() || e.Ambiguous() {
			t.Errorf("WaitIntegration = %v, want the server's reason, for good", err)
		}
	})
}

// TestUpdateIntegrationChangesOnlyWhatIsSet shows the PATCH: zero fields stay as they are.
func TestUpdateIntegrationChangesOnlyWhatIsSet(t *testing.T) {
	for _, c := range []struct {
		name   string
		change genesys.OpenMessaging
		want   func(*genesys.OpenMessaging)
	}{
		{"nothing", genesys.OpenMessaging{}, func(*genesys.OpenMessaging) {}},
		{"name", genesys.OpenMessaging{Name: "new"}, func(o *genesys.OpenMessaging) { o.Name = "new" }},
		{"target", genesys.OpenMessaging{WebhookURL: "https://new.example.com"}, func(o *genesys.OpenMessaging) { o.WebhookURL = "https://new.example.com" }},
		{"secret", genesys.OpenMessaging{Secret: secret.New("another secret, long enough")}, func(o *genesys.OpenMessaging) {
			o.Secret = secret.New("another secret, long enough")
		}},
		{"no headers", genesys.OpenMessaging{WebhookHeaders: map[string]string{}}, func(o *genesys.OpenMessaging) { o.WebhookHeaders = nil }},
		{"profiles", genesys.OpenMessaging{SupportedContent: genesys.Reference{ID: "c"}, MessagingSetting: genesys.Reference{ID: "m"}},
			func(o *genesys.OpenMessaging) { o.SupportedContent.ID, o.MessagingSetting.ID = "c", "m" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
				want := w.sim.AddIntegration(integration())
				c.want(&want)
				c.change.ID = want.ID
				if _, err := w.client.UpdateIntegration(t.Context(), c.change); err != nil {
					t.Fatal(err)
				}
				got := w.sim.State().Integrations[0]
				same := got.Name == want.Name && got.WebhookURL == want.WebhookURL && got.Secret.Reveal() == want.Secret.Reveal() &&
					maps.Equal(got.WebhookHeaders, want.WebhookHeaders) && got.SupportedContent == want.SupportedContent && got.MessagingSetting == want.MessagingSetting
				if !same {
					t.Errorf("integration %+v, want %+v", got, want)
				}
			})
		})
	}
}

func TestValidate(t *testing.T) {
	change := func(f func(*genesys.OpenMessaging)) genesys.OpenMessaging {
		o := integration()
		f(&o)
		return o
	}
	for _, c := range []struct {
		name string
		o    genesys.OpenMessaging
		want []string
	}{
		{"good", integration(), nil},
		{"port 443", change(func(o *genesys.OpenMessaging) { o.WebhookURL = "https://h.example:443/x" }), nil},
		{"16 runes", change(func(o *genesys.OpenMessaging) { o.Secret = secret.New(strings.Repeat("é", 16)) }), nil},
		{"15 runes", change(func(o *genesys.OpenMessaging) { o.Secret = secret.New(strings.Repeat("é", 15)) }), []string{"15 characters"}},
		{"http", change(func(o *genesys.OpenMessaging) { o.WebhookURL = "http://h.example/x" }), []string{"https"}},
		{"other port", change(func(o *genesys.OpenMessaging) { o.WebhookURL = "https://h.example:8443/x" }), []string{"443"}},
		{"relative", change(func(o *genesys.OpenMessaging) { o.WebhookURL = "/x" }), []string{"absolute"}},
		{"everything", genesys.OpenMessaging{}, []string{"name", "outboundNotificationWebhookUrl", "secret"}},
	} {
		err := c.o.Validate()
		if (err == nil) != (c.want == nil) || err != nil && !errors.Is(err, genesys.ErrInvalid) {
			t.Errorf("%s: Validate = %v, want %q", c.name, err, c.want)
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: Validate = %v, want it to name %q", c.name, err, part)
			}
		}
	}
}

// TestServerAgreesWithValidate shows that what Validate refuses, the API refuses as well.
func TestServerAgreesWithValidate(t *testing.T) {
	inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
		o := genesys.OpenMessaging{WebhookURL: "https://h.example:8443/", Secret: secret.New("short")}
		_, err := w.client.CreateIntegration(t.Context(), o)
		e, ok := errors.AsType[*genesys.Error](err)
		if !ok || e.Status != 400 || len(e.Details) != 3 {
			t.Errorf("CreateIntegration = %v, want a 400 with three fields", err)
		}
	})
}

func TestJSONHoldsNoSecret(t *testing.T) {
	for _, v := range []any{webhook(), integration()} {
		b, err := json.Marshal(v)
		if err != nil || strings.Contains(strings.ToLower(string(b)), "secret") {
			t.Errorf("json.Marshal(%T) = %s, %v, want nothing about a secret", v, b, err)
		}
	}
}
