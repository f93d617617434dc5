package admin_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/secret"
)

const adminToken = "a token that only operators know"

// guarded returns a server with a handler for everybody and one that is private.
func guarded(t *testing.T, token string) *admin.Server {
	s := admin.New(nil, bustest.Log(t))
	s.SetToken(secret.New(token))
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	s.Handle("GET /open", ok)
	s.HandlePrivate("GET /private", ok)
	return s
}

// TestToken asks with and without the token for each kind of address.
func TestToken(t *testing.T) {
	address := serve(t, guarded(t, adminToken))
	for name, c := range map[string]struct {
		prepare func(*http.Request)
		want    int
	}{
		"nothing":              {func(*http.Request) {}, 401},
		"bearer":               {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+adminToken) }, 200},
		"bearer, lower case":   {func(r *http.Request) { r.Header.Set("Authorization", "bearer "+adminToken) }, 200},
		"basic":                {func(r *http.Request) { r.SetBasicAuth("anybody", adminToken) }, 200},
		"basic, no user":       {func(r *http.Request) { r.SetBasicAuth("", adminToken) }, 200},
		"another bearer":       {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+adminToken+"x") }, 401},
		"a part of it":         {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+adminToken[:8]) }, 401},
		"empty bearer":         {func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, 401},
		"another password":     {func(r *http.Request) { r.SetBasicAuth(adminToken, "x") }, 401},
		"basic that is broken": {func(r *http.Request) { r.Header.Set("Authorization", "Basic "+adminToken) }, 401},
		"in the query":         {func(r *http.Request) { r.URL.RawQuery = "token=" + strings.ReplaceAll(adminToken, " ", "+") }, 401},
	} {
		t.Run(name, func(t *testing.T) {
			for path, want := range map[string]int{"/open": 200, "/healthz": 200, "/private": c.want} {
				req, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				c.prepare(req)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if res.StatusCode != want {
					t.Errorf("GET %s = %d, want %d", path, res.StatusCode, want)
				}
				if asks := res.Header.Get("WWW-Authenticate") != ""; asks != (want == 401) {
					t.Errorf("GET %s: a browser is asked for the token: %t", path, asks)
				}
			}
		})
	}
}

// TestWithoutToken answers what is private on loopback only, and never for a page of another origin.
func TestWithoutToken(t *testing.T) {
	for name, c := range map[string]struct {
		token, local string
		header       http.Header
		want         int
	}{
		"loopback":                     {local: "127.0.0.1", want: 200},
		"loopback, IPv6":               {local: "::1", want: 200},
		"an address of the network":    {local: "10.0.0.7", want: 403},
		"the same with a token":        {token: adminToken, local: "10.0.0.7", want: 200},
		"its own page":                 {local: "127.0.0.1", header: http.Header{"Sec-Fetch-Site": {"same-origin"}}, want: 200},
		"the address bar":              {local: "127.0.0.1", header: http.Header{"Sec-Fetch-Site": {"none"}}, want: 200},
		"a link of another site":       {local: "127.0.0.1", header: http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}, want: 200},
		"a frame of another site":      {local: "127.0.0.1", header: http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}}, want: 403},
		"a script of another site":     {local: "127.0.0.1", header: http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}}, want: 403},
		"a script of another port":     {local: "127.0.0.1", header: http.Header{"Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"script"}}, want: 403},
		"the same, and with its token": {token: adminToken, local: "127.0.0.1", header: http.Header{"Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Mode": {"no-cors"}}, want: 403},
	} {
		t.Run(name, func(t *testing.T) {
			local := &net.TCPAddr{IP: net.ParseIP(c.local), Port: 9090}
			req := httptest.NewRequest(http.MethodGet, "http://localhost/private", nil)
			req = req.WithContext(context.WithValue(req.Context(), http.LocalAddrContextKey, net.Addr(local)))
			for header, values := range c.header {
				req.Header[header] = values
			}
			req.SetBasicAuth("", c.token)
			w := httptest.NewRecorder()
			guarded(t, c.token).ServeHTTP(w, req)
			if w.Code != c.want {
				t.Errorf("GET /private = %d %s, want %d", w.Code, w.Body, c.want)
			}
		})
	}
}

// TestProfiles serves profiles to whom the console would be shown, and the command line to nobody.
func TestProfiles(t *testing.T) {
	s := guarded(t, adminToken)
	s.MountProfiles()
	for path, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/cmdline": 404} {
		for token, want := range map[string]int{adminToken: want, "": 401} {
			req := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
			req.SetBasicAuth("", token)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, req)
			if w.Code != want {
				t.Errorf("GET %s with token %q = %d, want %d", path, token, w.Code, want)
			}
		}
	}
	req := httptest.NewRequest(http.MethodGet, "http://localhost/debug/pprof/trace?seconds=60", nil)
	req.SetBasicAuth("", adminToken)
	for name, value := range map[string]string{"Site": "cross-site", "Mode": "navigate", "Dest": "document"} {
		req.Header.Set("Sec-Fetch-"+name, value)
	}
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, req); w.Code != http.StatusForbidden {
		t.Errorf("a link of another site began a trace: %d", w.Code)
	}
}

// TestStopWhileProfiling stops while a trace is taken, which would take longer than a stop may.
func TestStopWhileProfiling(t *testing.T) {
	s := guarded(t, "")
	s.MountProfiles()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	res, err := http.Get("http://" + l.Addr().String() + "/debug/pprof/trace?seconds=60")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// TestReadToken takes the line's end away and refuses what is too short, without telling it.
func TestReadToken(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{adminToken: adminToken, adminToken + "\r\n": adminToken, "short": "", "\n": ""} {
		path := filepath.Join(dir, "token")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		token, err := admin.ReadToken(path)
		if (err == nil) != (want != "") || err == nil && token.Reveal() != want || err != nil && strings.Contains(err.Error(), "short") {
			t.Errorf("ReadToken of %q = %q, %v", text, token.Reveal(), err)
		}
	}
	if _, err := admin.ReadToken(filepath.Join(dir, "none")); err == nil {
		t.Error("ReadToken of no file: no error")
	}
}
