package genesystest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
)

func TestValidation(t *testing.T) {
	const good = `{"name":"n","uri":"https://h.example/x","events":["e"],"enabled":false,"retryPolicy":{"retryCount":1,"retryDelaySeconds":1},
		"securityConfiguration":{"secretKey":"k","signatureAlgorithm":"HMAC_SHA256","ipWhitelist":["192.0.2.0/24"],"rateLimit":{"maxRequestsPerSecond":1,"burstSize":1}}}`
	const goodOM = `{"name":"n","outboundNotificationWebhookUrl":"https://h.example/x","outboundNotificationWebhookSignatureSecretToken":"0123456789abcdef"}`
	const hooks, messages = "/api/v2/integrations/webhooks", "/api/v2/conversations/messaging/integrations/open"
	synctest.Test(t, func(t *testing.T) {
		srv := genesystest.New(genesystest.Config{}).StartInMemory(t)
		auth := "Bearer " + tokenOf(t, srv)
		for _, c := range []struct{ path, old, new, field string }{
			{hooks, "", "", ""},
			{hooks, `"name":"n"`, `"name":""`, "name"},
			{hooks, "https://h.example/x", "http://h.example/x", "uri"},
			{hooks, "https://h.example/x", "https://u:p@h.example/x", "uri"},
			{hooks, "https://h.example/x", "h.example", "uri"},
			{hooks, `["e"]`, `[]`, "events"},
			{hooks, `"k"`, `""`, "securityConfiguration.secretKey"},
			{hooks, "HMAC_SHA256", "HMAC_SHA1", "securityConfiguration.signatureAlgorithm"},
			{hooks, "192.0.2.0/24", "192.0.2.0", "securityConfiguration.ipWhitelist"},
			{hooks, `"maxRequestsPerSecond":1`, `"maxRequestsPerSecond":0`, "securityConfiguration.rateLimit.maxRequestsPerSecond"},
			{hooks, `"retryCount":1`, `"retryCount":-1`, "retryPolicy.retryCount"},
			{hooks, `"retryDelaySeconds":1`, `"retryDelaySeconds":-1`, "retryPolicy.retryDelaySeconds"},
			{hooks, `"events"`, `"event"`, "body"},
			{hooks, good, `{`, "body"},
			{messages, "", "", ""},
			{messages, "https://h.example/x", "https://h.example:8443/x", "outboundNotificationWebhookUrl"},
			{messages, "https://h.example/x", "http://h.example/x", "outboundNotificationWebhookUrl"},
			{messages, "0123456789abcdef", "0123456789abcde", "outboundNotificationWebhookSignatureSecretToken"},
			{messages, `"name":"n"`, `"name":""`, "name"},
		} {
			body := good
			if c.path == messages {
				body = goodOM
			}
			body = strings.Replace(body, c.old, c.new, 1)
			status, _, answer := ask(t, srv, request("POST", srv.URL+c.path, body, "Authorization", auth))
			if c.field == "" && (status != 200 || strings.Contains(answer, "secretKey") || strings.Contains(answer, "0123456789abcdef")) {
				t.Errorf("%s: %d %s, want it created and its secret kept", c.path, status, answer)
			}
			if c.field != "" && (status != 400 || !strings.Contains(answer, `"fieldName":"`+c.field+`"`) || strings.Count(answer, "fieldName") != 1) {
				t.Errorf("%s instead of %s: %d %s, want 400 about %s", c.new, c.old, status, answer, c.field)
			}
		}
	})
}

func TestConnectivityTest(t *testing.T) {
	for _, c := range []struct {
		name   string
		script []int
		status string
		took   time.Duration
	}{
		{"accepted", nil, "success", 0},
		{"refused", []int{403}, "failure", 0},
		{"5xx is not repeated", []int{503}, "failure", 0},
		{"redirect", []int{307}, "failure", 0},
		{"silent", []int{-60}, "failure", 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim, x := withTarget(t, genesystest.Config{}, c.script...)
				w := webhook()
				w.Enabled = false
				id := sim.AddWebhook(w).ID
				client, start := clientOf(t, sim), time.Now()
				r, err := client.TestWebhook(t.Context(), id)
				if err != nil || r.Status != c.status || r.Message == "" || r.Timestamp.IsZero() || time.Since(start) != c.took {
					t.Errorf("TestWebhook = %+v, %v after %v, want %s after %v", r, err, time.Since(start), c.status, c.took)
				}
				if got := x.requests(); len(got) != 1 || signatureOf(got[0]) != "good" || got[0].header.Get("X-Genesys-Timestamp") == "" {
					t.Errorf("requests %v, want one that is signed", got)
				}
				if tests := sim.State().Tests; tests[c.status] != 1 {
					t.Errorf("tests %v, want one %s", tests, c.status)
				}
			})
		})
	}
}
