package console_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/console"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// TestPage shows why a request was rejected, where its trace is, and what to do about it.
func TestPage(t *testing.T) {
	d := newDesk(t, nil)
	id := d.reject("orders", event.SignatureMismatch, event.DetailHexEncoded)
	d.reject("orders", event.ReplayDetected, event.DetailReplay)
	page := d.page(id)
	for _, want := range []string{
		"SIGNATURE_MISMATCH", "hex_encoded", "192.0.2.7", `href="http://jaeger.example/trace/` + traceID + `"`,
		`data-copy="hookproof explain ` + id + `"`, "verifier@here/1",
		`data-copy="hookproof redrive --webhook orders --reason SIGNATURE_MISMATCH --since 1h --dry-run"`,
		"never: it may have been verified already",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "--reason REPLAY_ATTACK_DETECTED") {
		t.Error("the page offers to send a replay again")
	}
	if strings.Contains(page, "cannot be read now") || strings.Contains(page, "does not answer") {
		t.Errorf("trouble on a page that has none:\n%s", page)
	}
}

// TestBrowserRules holds the headers that keep a page safe, on each of its addresses.
func TestBrowserRules(t *testing.T) {
	d := newDesk(t, nil)
	for path, kind := range map[string]string{"/console": "text/html; charset=utf-8", "/console/static/console.js": "text/javascript; charset=utf-8", "/console/static/console.css": "text/css; charset=utf-8"} {
		res, body := d.get(path, nil)
		csp := res.Header.Get("Content-Security-Policy")
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != kind || !strings.Contains(csp, "default-src 'none'; script-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("GET %s = %d %s, policy %q", path, res.StatusCode, res.Header.Get("Content-Type"), csp)
		}
		if res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Cache-Control") != "no-store" || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("GET %s: headers %v", path, res.Header)
		}
		if path == "/console" && (strings.Contains(body, " style=") || strings.Contains(body, "<style") || strings.Contains(body, " on") && strings.Contains(body, "onclick=")) {
			t.Error("the page has a style or a script of its own, which its policy forbids")
		}
	}
	if res, _ := d.get("/", nil); res.StatusCode != http.StatusFound || res.Header.Get("Location") != "/console" {
		t.Errorf("GET / = %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	if res, _ := d.get("/console", func(r *http.Request) { r.Host = "evil.example.com" }); res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a foreign host = %d, want 421", res.StatusCode)
	}
	if res, _ := d.get("/console/events", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); res.StatusCode != http.StatusForbidden {
		t.Errorf("events for another site = %d, want 403", res.StatusCode)
	}
}

// TestTokenNeeded shows nothing without the token.
func TestTokenNeeded(t *testing.T) {
	const token = "only operators know this token"
	d := newDesk(t, func(_ *console.Config, s *admin.Server) { s.SetToken(secret.New(token)) })
	d.reject("orders", event.SignatureMismatch, "")
	for _, path := range []string{"/", "/console", "/console/events", "/console/static/console.js"} {
		if res, body := d.get(path, nil); res.StatusCode != http.StatusUnauthorized || strings.Contains(body, "orders") {
			t.Errorf("GET %s without the token = %d %s", path, res.StatusCode, body)
		}
	}
	if page := d.pageFor(func(r *http.Request) { r.SetBasicAuth("operator", token) }, "SIGNATURE_MISMATCH"); strings.Contains(page, token) {
		t.Error("the page holds the token")
	}
}

// TestHostileText stores what a stranger may have written in every place that the page shows, and in others.
func TestHostileText(t *testing.T) {
	d := newDesk(t, nil)
	const script = "<script>alert(1)</script>"
	hostile := []string{script, `"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, "a\u202egnp.exe", "$(reboot)`reboot`", "'--></td></table>"}
	for i, text := range hostile {
		d.reject("orders", event.Reason(text), text)
		m := &nats.Msg{Subject: "parked.orders", Header: nats.Header{}, Data: []byte(script)}
		for _, name := range []string{event.HeaderID, event.HeaderReason, event.HeaderDetail, event.HeaderReceivedAt, event.HeaderClientIP, event.HeaderVerifier, event.HeaderAttempt, "traceparent"} {
			m.Header.Set(name, text)
		}
		if i%2 == 0 {
			m.Subject = "parked.<script>alert(1)</script>" // a subject may hold that
		}
		if _, err := d.bus.Publish(context.Background(), m); err != nil {
			t.Fatal(err)
		}
	}
	last := d.reject("orders", event.MissingSignature, "")
	page := d.page(last)
	events, leave := d.follow()
	defer leave()
	sent := d.await(events, "the rejects", func(e sse) bool { return e.part == "refused" }).html +
		d.await(events, "the webhooks", func(e sse) bool { return e.part == "webhooks" }).html
	for name, html := range map[string]string{"page": page, "events": sent} {
		for _, never := range []string{"<script>alert", "<img", "javascript:alert(1)\"", "\u202e", "'--></td>", "explain $(", "--webhook <", "--webhook &lt;", "header()", "body()", "path()"} {
			if strings.Contains(html, never) {
				t.Errorf("the %s hold %q", name, never)
			}
		}
		if !strings.Contains(html, "&lt;script&gt;alert(1)&lt;/script&gt;") || !strings.Contains(html, "a\ufffdgnp.exe") {
			t.Errorf("the %s do not show what was written, escaped", name)
		}
	}
	if n := strings.Count(page, `data-copy="hookproof explain `); n != len(hostile)+1 {
		t.Errorf("%d commands to explain, want only those of ids that an ingress gives", n)
	}
}

// TestWebhooks shows what is desired beside what is observed and what is enforced, and no secret's place or digest.
func TestWebhooks(t *testing.T) {
	d := newDesk(t, nil)
	r := webhook.NewRecord("orders")
	r.Desired = &webhook.Webhook{Webhook: "orders", Kind: webhook.KindWebhook, TargetURI: "https://hooks.example.com/webhooks/orders?token=hidden", Secret: "env:HOOKPROOF_SECRET_ORDERS"}
	r.ConfigSequence, r.Generation = 7, 2
	r.Status = webhook.Status{Webhook: "orders", Phase: webhook.PhaseWaiting, ConfigSequence: 7, Error: "403: the scope <integrations> is missing", NextTry: time.Now().Add(time.Minute)}
	r.Observed.Genesys = webhook.Remote{Kind: webhook.KindWebhook, ID: "g-1", SecretDigest: "digest-hidden",
		Applied: webhook.Applied{Sent: map[string]json.RawMessage{"headers": json.RawMessage(`"value-hidden"`)}, Shown: map[string]json.RawMessage{"headers": json.RawMessage(`"other"`)}}}
	value, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.bus.Put(context.Background(), bus.BucketWebhooks, "orders", value); err != nil {
		t.Fatal(err)
	}
	p := policy.Policy{Webhook: "orders", Secrets: []policy.Secret{{Ref: "env:HOOKPROOF_SECRET_ORDERS"}}, Tolerance: policy.Duration(policy.DefaultTolerance)}
	if value, err = p.Encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.bus.Put(context.Background(), bus.BucketPolicies, "orders", value); err != nil {
		t.Fatal(err)
	}
	d.page("not usable: requests are parked")
	page := d.page("the scope &lt;integrations&gt; is missing")
	for _, want := range []string{"waiting", "message 7, generation 2", "g-1, disabled", "https://hooks.example.com/webhooks/orders<", "another way there: headers", "differs: "} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"token=", "digest-", "value-", "HOOKPROOF_SECRET_ORDERS"} {
		if strings.Contains(page, never) {
			t.Errorf("the page holds %q", never)
		}
	}
}

// TestNotVisible says what a role may not read, and does not ask for it.
func TestNotVisible(t *testing.T) {
	d := newDesk(t, func(c *console.Config, _ *admin.Server) { c.Webhooks = false })
	d.page("Not visible to this role: what is desired and observed is on the console of a provisioner")
	d = newDesk(t, func(c *console.Config, _ *admin.Server) { c.Audit, c.Streams = nil, nil })
	d.reject("orders", event.SignatureMismatch, "")
	if page := d.page("Not visible to this role: outcomes are on the console of a verifier"); strings.Contains(page, "SIGNATURE_MISMATCH") {
		t.Error("a reject on the console of a role that may not read it")
	}
}

// TestTraceURL refuses what could not be a link to a trace.
func TestTraceURL(t *testing.T) {
	for text, ok := range map[string]bool{
		"": true, "http://127.0.0.1:16686/trace/{trace}": true, "https://traces.example.com/?id={trace}&x=1": true,
		"http://127.0.0.1:16686/trace/": false, "javascript:alert({trace})": false, "/trace/{trace}": false, "ftp://h/{trace}": false,
		"https://user:password@h/{trace}": false, "http://[::1/{trace}": false,
	} {
		var u console.TraceURL
		if err := u.UnmarshalText([]byte(text)); (err == nil) != ok || ok && string(u) != text || err != nil && strings.Contains(err.Error(), "password") {
			t.Errorf("UnmarshalText(%q) = %q, %v", text, u, err)
		}
	}
}
