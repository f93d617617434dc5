package genesystest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
)

func clientOf(t *testing.T, sim *genesystest.Simulator) *genesys.Client {
	t.Helper()
	client, err := genesys.New(sim.ClientConfig(sim.StartInMemory(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// ask sends a request and returns the status, header and body of the answer.
func ask(t *testing.T, srv *genesystest.Server, req *http.Request) (int, http.Header, string) {
	t.Helper()
	res, err := srv.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}

func request(method, uri, body string, header ...string) *http.Request {
	req, err := http.NewRequest(method, uri, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

const form = "application/x-www-form-urlencoded"

func tokenRequest(srv *genesystest.Server, id, key string) *http.Request {
	req := request("POST", srv.URL+"/oauth/token", "grant_type=client_credentials", "Content-Type", form)
	req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(key))
	return req
}

// basic adds the demonstration client's credentials.
func basic(req *http.Request) *http.Request {
	demo := genesystest.DemoClient()
	req.SetBasicAuth(demo.ID, demo.Secret.Reveal())
	return req
}

func tokenOf(t *testing.T, srv *genesystest.Server) string {
	t.Helper()
	demo := genesystest.DemoClient()
	_, _, body := ask(t, srv, tokenRequest(srv, demo.ID, demo.Secret.Reveal()))
	var a struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil || a.AccessToken == "" {
		t.Fatalf("no token in %s", body)
	}
	return a.AccessToken
}

func TestTokenEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := genesystest.New(genesystest.Config{TokenTTL: time.Hour}).StartInMemory(t)
		demo := genesystest.DemoClient()
		change := func(f func(*http.Request)) *http.Request {
			r := tokenRequest(srv, demo.ID, demo.Secret.Reveal())
			f(r)
			return r
		}
		for _, c := range []struct {
			name   string
			req    *http.Request
			status int
			want   string
		}{
			{"good", change(func(*http.Request) {}), 200, `"expires_in":3600`},
			{"wrong secret", tokenRequest(srv, demo.ID, "wrong"), 401, `"error":"invalid_client"`},
			{"unknown client", tokenRequest(srv, "x", "wrong"), 401, `"error":"invalid_client"`},
			{"no credentials", change(func(r *http.Request) { r.Header.Del("Authorization") }), 401, `"error":"invalid_client"`},
			{"broken escape", change(func(r *http.Request) { r.SetBasicAuth("%zz", "x") }), 401, `"error":"invalid_client"`},
			{"not a form", change(func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }), 400, `"error":"invalid_request"`},
			{"other grant", basic(request("POST", srv.URL+"/oauth/token", "grant_type=password", "Content-Type", form)), 400, `"error":"unsupported_grant_type"`},
			{"GET", request("GET", srv.URL+"/oauth/token", ""), 404, `"code":"not.found"`},
		} {
			if status, _, body := ask(t, srv, c.req); status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("%s: %d %s, want %d with %s", c.name, status, body, c.status, c.want)
			}
		}
	})
}

// TestErrorShape shows the error body and header of every refusal before an operation.
func TestErrorShape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := genesystest.DemoClient()
		reader.Scopes = []string{"integrations:webhook:read"}
		sim := genesystest.New(genesystest.Config{Clients: []genesystest.OAuthClient{reader}})
		srv := sim.StartInMemory(t)
		old := "Bearer " + tokenOf(t, srv)
		sim.ExpireTokens()
		good := "Bearer " + tokenOf(t, srv)
		hooks := srv.URL + "/api/v2/integrations/webhooks"
		for _, c := range []struct {
			name   string
			req    *http.Request
			status int
			code   string
		}{
			{"no token", request("GET", hooks, ""), 401, "authentication.required"},
			{"Basic", request("GET", hooks, "", "Authorization", "Basic x"), 401, "authentication.required"},
			{"unknown token", request("GET", hooks, "", "Authorization", "Bearer x"), 401, "bad.credentials"},
			{"expired token", request("GET", hooks, "", "Authorization", old), 401, "credentials.expired"},
			{"missing scope", request("DELETE", hooks+"/x", "", "Authorization", good), 403, "missing.any.permissions"},
			{"unknown id", request("GET", hooks+"/x", "", "Authorization", good), 404, "not.found"},
			{"unknown path", request("GET", srv.URL+"/api/v2/users", "", "Authorization", good), 404, "not.found"},
			{"too large", request("POST", hooks, strings.Repeat(" ", 512_001), "Authorization", good), 413, "request.entity.too.large"},
		} {
			status, header, body := ask(t, srv, c.req)
			var e struct {
				Message, Code, ContextID string
				Status                   int
				Details, Errors          []any
			}
			err := json.Unmarshal([]byte(body), &e)
			if err != nil || status != c.status || e.Status != c.status || e.Code != c.code || e.Message == "" || e.Details == nil || e.Errors == nil {
				t.Errorf("%s: %d %s, want %d %s in the documented shape", c.name, status, body, c.status, c.code)
			}
			if e.ContextID == "" || header.Get("ININ-Correlation-Id") != e.ContextID {
				t.Errorf("%s: contextId %q, header %q, want the same", c.name, e.ContextID, header.Get("ININ-Correlation-Id"))
			}
		}
	})
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := genesystest.New(genesystest.Config{}).StartInMemory(t)
		list := func(token string) (int, http.Header, string) {
			return ask(t, srv, request("GET", srv.URL+"/api/v2/ipranges", "", "Authorization", "Bearer "+token))
		}
		token, other := tokenOf(t, srv), tokenOf(t, srv)
		for range 300 {
			if status, _, _ := list(token); status != 200 {
				t.Fatalf("status %d, want 200", status)
			}
		}
		time.Sleep(20 * time.Second)
		status, header, body := list(token)
		if status != 429 || header.Get("Retry-After") != "41" || !strings.Contains(body, "too.many.requests.retry.after") {
			t.Errorf("the 301st: %d, Retry-After %q, %s, want 429 for the rest of the minute", status, header.Get("Retry-After"), body)
		}
		if status, _, _ := list(other); status != 200 {
			t.Errorf("another token: %d, want 200", status)
		}
		time.Sleep(41 * time.Second)
		if status, _, _ := list(token); status != 200 {
			t.Errorf("after Retry-After: %d, want 200", status)
		}
	})
}
