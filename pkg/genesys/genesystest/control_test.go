package genesystest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
)

func TestControlEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := genesystest.New(genesystest.Config{})
		srv := sim.StartInMemory(t)
		client := clientOf(t, sim)
		w := webhook()
		w.Security.SecretKey = secret.New("canary of the webhook")
		sim.AddWebhook(w)
		o := integration()
		o.Secret = secret.New("canary of the integration")
		sim.AddIntegration(o)
		for _, c := range []struct {
			body   string
			status int
		}{
			{`{"op":"ListWebhooks","kind":"rate-limited","retryAfter":"30","times":1}`, 204},
			{`{"op":"GetWebhook","path":"/api/v2/integrations","kind":"slow","delay":"1.5s","skip":1,"times":-1,"status":0,"location":""}`, 204},
			{`{"kind":"nonsense"}`, 400},
			{`{"kind":"slow","delay":"long"}`, 400},
			{`{"kind":"slow","unknown":1}`, 400},
			{`{`, 400},
		} {
			if status, _, answer := ask(t, srv, request("POST", srv.URL+"/_sim/faults", c.body)); status != c.status {
				t.Errorf("%s: %d %s, want %d", c.body, status, answer, c.status)
			}
		}
		start := time.Now()
		if _, err := client.ListWebhooks(t.Context()); err != nil || time.Since(start) != 30*time.Second {
			t.Errorf("ListWebhooks = %v after %v, want 30s", err, time.Since(start))
		}
		_, _, state := ask(t, srv, request("GET", srv.URL+"/_sim/state", ""))
		var got genesystest.State
		if err := json.Unmarshal([]byte(state), &got); err != nil || got.Calls["ListWebhooks"] != 2 || len(got.Webhooks) != 1 || len(got.Integrations) != 1 || got.PendingFaults != 1 {
			t.Errorf("state %s, %v", state, err)
		}
		if strings.Contains(state, "canary") || strings.Contains(fmt.Sprintf("%+v", sim.State()), "canary") {
			t.Errorf("the state shows a secret: %s", state)
		}
		if status, _, _ := ask(t, srv, request("DELETE", srv.URL+"/_sim/faults", "")); status != 204 || sim.State().PendingFaults != 0 {
			t.Errorf("status %d, %d faults, want none", status, sim.State().PendingFaults)
		}
	})
}

func TestFaultsMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := genesystest.New(genesystest.Config{})
		srv := sim.StartInMemory(t)
		auth := "Bearer " + tokenOf(t, srv)
		sim.Inject(genesystest.Fault{Path: "/api/v2/ip", Kind: genesystest.ServerError, Status: 501, Skip: 1, Times: 2})
		var got []int
		for range 5 {
			for _, path := range []string{"/api/v2/ipranges", "/api/v2/integrations/webhooks"} {
				status, _, _ := ask(t, srv, request("GET", srv.URL+path, "", "Authorization", auth))
				got = append(got, status)
			}
		}
		if want := "[200 200 501 200 501 200 200 200 200 200]"; fmt.Sprint(got) != want {
			t.Errorf("statuses %v, want %v", got, want)
		}
	})
}

func TestChangesByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := genesystest.New(genesystest.Config{})
		client := clientOf(t, sim)
		w, o := sim.AddWebhook(webhook()), sim.AddIntegration(integration())
		edited := sim.EditWebhook(w.ID, func(w *genesys.Webhook) { w.Enabled = false }) &&
			sim.EditIntegration(o.ID, func(o *genesys.OpenMessaging) { o.Name = "renamed" })
		w, errW := client.GetWebhook(t.Context(), w.ID)
		o, errO := client.GetIntegration(t.Context(), o.ID)
		if !edited || w.Enabled || o.Name != "renamed" || errors.Join(errW, errO) != nil {
			t.Errorf("edited %v: %+v, %+v, %v, %v", edited, w, o, errW, errO)
		}
		if !sim.DeleteByHand(w.ID) || !sim.DeleteByHand(o.ID) || sim.DeleteByHand(w.ID) {
			t.Error("DeleteByHand, want each to be there once")
		}
		if sim.EditWebhook(w.ID, nil) || sim.EditIntegration(o.ID, nil) {
			t.Error("what was deleted was edited")
		}
		_, errW = client.GetWebhook(t.Context(), w.ID)
		_, errO = client.GetIntegration(t.Context(), o.ID)
		if !genesys.IsNotFound(errW) || !genesys.IsNotFound(errO) || len(sim.State().Created) != 0 {
			t.Errorf("errors %v and %v, want both not found", errW, errO)
		}
	})
}

func TestUnknownIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := genesystest.New(genesystest.Config{}).StartInMemory(t)
		auth := "Bearer " + tokenOf(t, srv)
		const hook, message = "/api/v2/integrations/webhooks/x", "/api/v2/conversations/messaging/integrations/open/x"
		for _, c := range []struct{ method, path string }{
			{"GET", hook}, {"PUT", hook}, {"DELETE", hook}, {"POST", hook + "/test"}, {"GET", message}, {"PATCH", message}, {"DELETE", message},
		} {
			if status, _, body := ask(t, srv, request(c.method, srv.URL+c.path, "{}", "Authorization", auth)); status != 404 {
				t.Errorf("%s %s: %d %s, want 404", c.method, c.path, status, body)
			}
		}
	})
}

func TestSetIPRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := genesystest.New(genesystest.Config{})
		client := clientOf(t, sim)
		before, errBefore := client.IPRanges(t.Context(), genesys.ServiceOpenMessaging)
		sim.SetIPRanges([]genesystest.IPRange{{CIDR: "192.0.2.0/30", Service: "open-messaging"}})
		after, errAfter := client.IPRanges(t.Context(), genesys.ServiceOpenMessaging)
		if fmt.Sprint(before, after) != "[198.51.100.0/28 203.0.113.64/26] [192.0.2.0/30]" || errors.Join(errBefore, errAfter) != nil {
			t.Errorf("IPRanges = %v, then %v; %v, %v", before, after, errBefore, errAfter)
		}
		sim.SetIPRanges(nil)
		if _, err := client.IPRanges(t.Context(), genesys.ServiceOpenMessaging); !errors.Is(err, genesys.ErrMalformed) {
			t.Errorf("IPRanges of nothing = %v, want an error", err)
		}
	})
}

// TestImportsNoTesting keeps testing, and httptest with its flag, out of commands that import the simulator.
func TestImportsNoTesting(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if p := strings.Trim(i.Path.Value, `"`); p == "testing" || strings.HasSuffix(p, "test") || strings.HasPrefix(p, "testing/") {
				t.Errorf("%s imports %s", name, p)
			}
		}
	}
}
