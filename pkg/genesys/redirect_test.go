package genesys_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
)

// TestRedirectsAreRefused runs over real sockets: no redirect, of whatever status and at whichever endpoint, makes the
// client send anything to the other host, above all not its credentials.
func TestRedirectsAreRefused(t *testing.T) {
	for _, op := range []string{"Token", "GetWebhook", "CreateWebhook"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(op+" "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					t.Errorf("the other host saw %s %s, Authorization %q, body %q", r.Method, r.URL, r.Header.Get("Authorization"), body)
				}))
				t.Cleanup(other.Close)
				sim := genesystest.New(genesystest.Config{})
				client := newClient(t, sim.ClientConfig(sim.Start(t)))
				sim.Inject(genesystest.Fault{Op: op, Kind: genesystest.Redirect, Status: status, Location: other.URL + "/oauth/token"})
				err := redirected(t, client, op)
				e, ok := errors.AsType[*genesys.Error](err)
				if !ok || !errors.Is(err, genesys.ErrRedirect) || e.Op != op || e.Status != status || e.Temporary() || e.Ambiguous() {
					t.Errorf("error %v, want a refused redirect of %s", err, op)
				}
			})
		}
	}
}

func redirected(t *testing.T, c *genesys.Client, op string) error {
	if op == "CreateWebhook" {
		return second(c.CreateWebhook(t.Context(), webhook()))
	}
	return second(c.GetWebhook(t.Context(), "some-id"))
}

// TestOwnClientFollowsNoRedirectEither shows that a caller's http.Client that would follow redirects is not changed, and
// does not follow them for us.
func TestOwnClientFollowsNoRedirectEither(t *testing.T) {
	sim := genesystest.New(genesystest.Config{})
	config := sim.ClientConfig(sim.Start(t))
	follows := func(*http.Request, []*http.Request) error { t.Error("a redirect was followed"); return nil }
	config.HTTPClient.CheckRedirect = follows
	sim.Inject(genesystest.Fault{Kind: genesystest.Redirect, Op: "Token", Location: "/oauth/token"})
	if err := get(t.Context(), newClient(t, config)); !errors.Is(err, genesys.ErrRedirect) {
		t.Errorf("error %v, want a refused redirect", err)
	}
	if config.HTTPClient.CheckRedirect == nil {
		t.Error("the caller's client was changed")
	}
}
