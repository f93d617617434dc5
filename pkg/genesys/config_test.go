package genesys_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/secret"
)

func TestNewReportsEveryBadSetting(t *testing.T) {
	good := genesys.Config{ClientID: "id", ClientSecret: secret.New("s")}
	change := func(f func(*genesys.Config)) genesys.Config { c := good; f(&c); return c }
	urls := func(api, login string) genesys.Config {
		return change(func(c *genesys.Config) { c.APIURL, c.LoginURL = api, login })
	}
	for _, c := range []struct {
		name string
		cfg  genesys.Config
		want []string // parts of the error; nil means none
	}{
		{"default region", good, nil},
		{"a region", change(func(c *genesys.Config) { c.Environment = "mxc1.pure.cloud" }), nil},
		{"unknown region", change(func(c *genesys.Config) { c.Environment = "mypurecloud.example" }), []string{"Environment", "mypurecloud.example", "APIURL"}},
		{"a region with its host", change(func(c *genesys.Config) { c.Environment = "api.mypurecloud.com" }), []string{"Environment"}},
		{"unknown region, explicit URLs", change(func(c *genesys.Config) {
			c.Environment, c.APIURL, c.LoginURL = "new.pure.cloud", "https://api.new.pure.cloud", "https://login.new.pure.cloud/"
		}), nil},
		{"one URL", urls("https://api.example", ""), []string{"both"}},
		{"the other URL", urls("", "https://login.example"), []string{"both"}},
		{"loopback", urls("http://127.0.0.1:8080", "http://[::1]:8080"), nil},
		{"localhost", urls("http://localhost:8080", "http://localhost:8080"), nil},
		{"plain http", urls("http://api.example", "http://login.example"), []string{"APIURL: http", "LoginURL: http"}},
		{"plain http, allowed", change(func(c *genesys.Config) {
			c.APIURL, c.LoginURL, c.AllowPlainHTTP = "http://sim:8080", "http://sim:8080", true
		}), nil},
		{"strange URLs", urls("ftp://api.example", "https://user:hunter2@login.example"), []string{"APIURL", "ftp", "LoginURL"}},
		{"no URLs", urls("https://", "https://a b"), []string{"APIURL", "LoginURL"}},
		{"query and fragment", urls("https://api.example?x", "https://login.example#x"), []string{"APIURL", "LoginURL"}},
		{"nothing", genesys.Config{}, []string{"ClientID", "ClientSecret"}},
		{"everything", genesys.Config{Environment: "x", Timeout: -1, Attempts: -1, Backoff: -1, MaxBackoff: -1, MaxRetryAfter: -1, RequestsPerMinute: -1, PollInterval: -1},
			[]string{"ClientID", "ClientSecret", "Environment", "Timeout", "Attempts", "Backoff", "MaxBackoff", "MaxRetryAfter", "RequestsPerMinute", "PollInterval"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := genesys.New(c.cfg, nil)
			if (err == nil) != (c.want == nil) {
				t.Fatalf("New = %v, want %q", err, c.want)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("New = %v, want it to name %q", err, part)
				}
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("New = %v, which shows a password", err)
			}
		})
	}
}

func TestEnvironments(t *testing.T) {
	all := genesys.Environments()
	if len(all) != 18 || !slices.Contains(all, genesys.DefaultEnvironment) {
		t.Errorf("Environments = %q, want 18 with the default", all)
	}
	for _, domain := range all {
		hosts := map[string]bool{}
		cfg := genesys.Config{Environment: domain, ClientID: "id", ClientSecret: secret.New("s"), Attempts: 1, HTTPClient: &http.Client{Transport: hostRecorder(hosts)}}
		if err := get(t.Context(), newClient(t, cfg)); err == nil {
			t.Fatal("no error")
		}
		if !hosts["https://login."+domain+"/oauth/token"] || !hosts["https://api."+domain+"/api/v2/integrations/webhooks"] {
			t.Errorf("%s: asked %v", domain, hosts)
		}
	}
}

// hostRecorder gives a token and refuses everything else.
type hostRecorder map[string]bool

func (r hostRecorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r[req.URL.Scheme+"://"+req.URL.Host+req.URL.Path] = true
	if req.URL.Path != "/oauth/token" {
		return nil, errors.New("refused")
	}
	return tokenAnswer(), nil
}
