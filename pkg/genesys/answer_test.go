package genesys_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
)

// TestAnswersThatAreNone shows that whatever a server or something in front of it says, the client returns an error.
func TestAnswersThatAreNone(t *testing.T) {
	const good = `{"id":"x","name":"n"}`
	for _, c := range []struct {
		name, contentType, body string
		fails                   bool
	}{
		{"good", "application/json", good, false},
		{"good, with a charset", "application/json; charset=UTF-8", good, false},
		{"good, a JSON type", "application/vnd.genesys+json", good, false},
		{"good, unknown fields", "application/json", `{"id":"x","new":{"a":[1]}}`, false},
		{"good, a strange date", "application/json", `{"id":"x","dateCreated":"yesterday","dateModified":12}`, false},
		{"HTML", "text/html", "<html>sorry</html>", true},
		{"JSON that says it is HTML", "text/html", good, true},
		{"HTML that says it is JSON", "application/json", "<html>sorry</html>", true},
		{"no valid type", ";;;", good, true},
		{"empty", "application/json", "", true},
		{"half", "application/json", good[:10], true},
		{"twice", "application/json", good + good, true},
		{"null", "application/json", "null", true},
		{"a list", "application/json", "[]", true},
		{"no id", "application/json", `{"name":"n"}`, true},
		{"an id that is a path", "application/json", `{"id":"../oauth/clients"}`, true},
		{"wrong type", "application/json", `{"id":7}`, true},
		{"deep", "application/json", strings.Repeat("[", 100_000), true},
		{"too long", "application/json", good + strings.Repeat(" ", 9<<20), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			handler := func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.contentType)
				_, _ = w.Write([]byte(c.body))
			}
			inFront(t, handler, func(t *testing.T, client *genesys.Client) {
				_, err := client.GetWebhook(t.Context(), "x")
				if c.fails != errors.Is(err, genesys.ErrMalformed) || !c.fails && err != nil {
					t.Errorf("GetWebhook = %v, want malformed: %v", err, c.fails)
				}
			})
		})
	}
}

// TestErrorAnswers shows what becomes of an error body.
func TestErrorAnswers(t *testing.T) {
	const full = `{"message":"The \"name\" is\nbad","code":"constraint.validation","status":400,"contextId":"ctx-1",
		"details":[{"errorCode":"required","fieldName":"name"}],"errors":[{"code":"inner","message":"m"}]}`
	long := strings.Repeat("é", 5000)
	for _, c := range []struct {
		name, correlation, body, want string
	}{
		{"full", "", full, `genesys: CreateWebhook: status 400 ("constraint.validation"): "The \"name\" is\nbad", field "name": "required", "inner", correlation id "ctx-1"`},
		{"header first", "hdr-1", full, `correlation id "hdr-1"`},
		{"no body", "", "", `genesys: CreateWebhook: status 400`},
		{"HTML", "", "<html>", `genesys: CreateWebhook: status 400`},
		{"wrong types", "", `{"message":7}`, `genesys: CreateWebhook: status 400`},
		{"long", "", `{"message":"` + long + `","code":"` + long + `"}`, strings.Repeat("é", 150) + `…"`},
		{"many details", "", `{"details":[` + strings.Repeat(`{"errorCode":"e"},`, 500) + `{}]}`, `, "e", "e"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			handler := func(w http.ResponseWriter, _ *http.Request) {
				if c.correlation != "" {
					w.Header().Set("ININ-Correlation-Id", c.correlation)
				}
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(c.body))
			}
			inFront(t, handler, func(t *testing.T, client *genesys.Client) {
				_, err := client.CreateWebhook(t.Context(), webhook())
				if !strings.Contains(err.Error(), c.want) || len(err.Error()) > 2000 {
					t.Errorf("CreateWebhook = %v, want %s", err, c.want)
				}
			})
		})
	}
}

func TestIDsCannotChangeThePath(t *testing.T) {
	for _, id := range []string{"", ".", "..", "a/b", "a%2fb", "x?y", "x#y", "a b", "é", strings.Repeat("x", 129)} {
		inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
			_, errGet := w.client.GetWebhook(t.Context(), id)
			errDelete := w.client.DeleteWebhook(t.Context(), id)
			_, errWait := w.client.WaitIntegration(t.Context(), id)
			for _, err := range []error{errGet, errDelete, errWait} {
				if !errors.Is(err, genesys.ErrInvalid) {
					t.Errorf("id %q: %v, want it to be invalid", id, err)
				}
			}
			if calls := w.sim.State().Calls; len(calls) != 0 {
				t.Errorf("id %q: calls %v, want none", id, calls)
			}
		})
	}
}

func TestWebhookWithoutASecret(t *testing.T) {
	inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
		unsigned := identified(webhook(), "some-id")
		unsigned.Security.SecretKey = secret.Text{}
		_, errCreate := w.client.CreateWebhook(t.Context(), unsigned)
		_, errUpdate := w.client.UpdateWebhook(t.Context(), unsigned)
		if !errors.Is(errCreate, genesys.ErrInvalid) || !errors.Is(errUpdate, genesys.ErrInvalid) || len(w.sim.State().Calls) != 0 {
			t.Errorf("errors %v and %v, want both invalid and nothing sent", errCreate, errUpdate)
		}
	})
}

func TestContextEndsACall(t *testing.T) {
	stopped := errors.New("the operator stopped it")
	for _, c := range []struct {
		name      string
		fault     genesystest.Fault
		ambiguous bool
	}{
		{"while it is sent", genesystest.Fault{Kind: genesystest.Slow, Delay: 20 * time.Second}, true},
		{"while it waits to be repeated", genesystest.Fault{Kind: genesystest.RateLimited, RetryAfter: "30"}, false},
		{"while it waits for a token", genesystest.Fault{Op: "Token", Kind: genesystest.Slow, Delay: 20 * time.Second}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
				if c.fault.Op == "" {
					c.fault.Op = "CreateWebhook"
				}
				w.sim.Inject(c.fault)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer time.AfterFunc(10*time.Second, func() { cancel(stopped) }).Stop()
				var err error
				took := elapsed(func() { _, err = w.client.CreateWebhook(ctx, webhook()) })
				if !errors.Is(err, stopped) || genesys.IsAmbiguous(err) != c.ambiguous || took != 10*time.Second {
					t.Errorf("after %v: %v, ambiguous %v; want the cause after 10s, ambiguous %v", took, err, genesys.IsAmbiguous(err), c.ambiguous)
				}
			})
		})
	}
}

// TestDeadlineBeforeRetryAfter shows that a call does not wait for a time that its context cannot see.
func TestDeadlineBeforeRetryAfter(t *testing.T) {
	inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
		w.sim.Inject(genesystest.Fault{Op: "ListWebhooks", Kind: genesystest.RateLimited, RetryAfter: "30"})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var err error
		took := elapsed(func() { err = get(ctx, w.client) })
		e, ok := errors.AsType[*genesys.Error](err)
		if !ok || e.RetryAfter != 30*time.Second || took != 0 {
			t.Errorf("after %v: %v, want the 429 at once", took, err)
		}
	})
}
