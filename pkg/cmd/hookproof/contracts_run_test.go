package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
	"github.com/hookproof/hookproof/verifier"
)

// contractCase is a request, made so that its outcome has the reason and the detail; both empty for a verified one.
type contractCase struct {
	webhook string
	reason  event.Reason
	detail  string
	change  func(h http.Header, body []byte)
	again   bool // what counts is a second copy, changed
}

func contractCases() []contractCase {
	set := func(name string, values ...string) func(http.Header, []byte) {
		return func(h http.Header, _ []byte) { h[name] = values }
	}
	signature := func(spell func(mac []byte) string) func(http.Header, []byte) {
		return func(h http.Header, body []byte) { h.Set("X-Genesys-Signature", spell(mac(body))) }
	}
	b64 := base64.StdEncoding.EncodeToString
	stamp := func(at time.Time) func(http.Header, []byte) {
		return set("X-Genesys-Timestamp", fmt.Sprint(at.UnixMilli()))
	}
	return []contractCase{
		{webhook: "genesys", change: set("X-Several", "1", "2")},
		{webhook: "beats"},
		{webhook: "listed", reason: event.IPNotWhitelisted},
		{webhook: "listed", reason: event.IPNotWhitelisted, detail: event.DetailNoAddress, change: set("X-Forwarded-For", "fe80::1%eth0")},
		{webhook: "genesys", reason: event.MissingTimestamp, change: set("X-Genesys-Timestamp")},
		{webhook: "genesys", reason: event.TimestampSkew, detail: event.DetailSkew, change: set("X-Genesys-Timestamp", "1")},
		{webhook: "genesys", reason: event.TimestampSkew, detail: event.DetailUnparsable, change: set("X-Genesys-Timestamp", "soon")},
		{webhook: "genesys", reason: event.TimestampSkew, detail: event.DetailDuplicateHeader, change: set("X-Genesys-Timestamp", "1", "2")},
		{webhook: "genesys", reason: event.MissingSignature, change: set("X-Genesys-Signature")},
		{webhook: "genesys", reason: event.SignatureMismatch, detail: event.DetailMismatch, change: signature(func([]byte) string { return b64(make([]byte, 32)) })},
		{webhook: "genesys", reason: event.SignatureMismatch, detail: event.DetailMalformed, change: set("X-Genesys-Signature", "?")},
		{webhook: "genesys", reason: event.SignatureMismatch, detail: event.DetailHexEncoded, change: signature(hex.EncodeToString)},
		{webhook: "hexed", reason: event.SignatureMismatch, detail: event.DetailBase64Encoded, change: signature(b64)},
		{webhook: "genesys", reason: event.SignatureMismatch, detail: event.DetailLength, change: signature(func(m []byte) string { return b64(m[:20]) })},
		{webhook: "genesys", reason: event.SignatureMismatch, detail: event.DetailNotCanonical, change: signature(func(m []byte) string { return lenient(b64(m)) })},
		{webhook: "genesys", reason: event.SignatureMismatch, detail: event.DetailDuplicateHeader, change: set("X-Genesys-Signature", b64(make([]byte, 32)), b64(make([]byte, 32)[:31])+"x")},
		{webhook: "old", reason: event.SignatureMismatch, detail: event.DetailExpiredSecret},
		{webhook: "genesys", reason: event.ReplayDetected, detail: event.DetailRedelivery, again: true},
		{webhook: "genesys", reason: event.ReplayDetected, detail: event.DetailReplay, again: true, change: stamp(time.Now().Add(-time.Minute))},
	}
}

// configureContracts makes the webhooks of the cases.
func (r *rig) configureContracts() {
	r.t.Helper()
	s := scheme(r.t, signature.NameGenesysWebhook)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: s, TypeField: "/type"})
	r.configure(policy.Policy{Webhook: "beats", Scheme: s, ReplayOff: true})
	r.configure(policy.Policy{Webhook: "listed", Scheme: s, Allowlist: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
	hexed := s
	hexed.Name, hexed.Encoding = signature.NameCustom, signature.Hex
	r.configure(policy.Policy{Webhook: "hexed", Scheme: hexed})
	other := policy.Secret{Ref: "env:HOOKPROOF_SECRET_OTHER"}
	r.configure(policy.Policy{Webhook: "old", Scheme: s, Secrets: []policy.Secret{other, {Ref: "env:WEBHOOK_SECRET", NotAfter: time.Now().Add(-time.Hour)}}})
	r.configure(policy.Policy{Webhook: "unresolved", Scheme: s, Secrets: []policy.Secret{{Ref: "file:absent"}}})
	r.put(bus.BucketPolicies, "newer", func() ([]byte, error) { return []byte(`{"format":2,"scheme":{}}`), nil })
}

// auditLines takes the lines of verifiers.
type auditLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (a *auditLines) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.buf.Write(b)
}

func (a *auditLines) lines() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Split(strings.TrimSpace(a.buf.String()), "\n")
}

// TestMessagesFitContracts runs a pipeline until each reason and each detail has come up, and holds every message, every
// audit line and the audit's page against the schemas.
func TestMessagesFitContracts(t *testing.T) {
	c := readContracts(t)
	r := newWatchedRig(t, bus.Topology{}, watched{ingress: observe(t, receive(t), "hookproof-ingress")}, 0, "127.0.0.0/8")
	var captures gathered
	defer captures.listen(t, r.bus, "unverified.*")()
	var lines auditLines
	own := bustest.Connect(t, r.server)
	policies := policy.NewStore(own, secret.Resolver{Getenv: testEnv}, bustest.Log(t))
	r.start(policies.Run)
	r.start(verifier.New(verifier.Config{Name: "test"}, own, policies, verifier.NewReporter(&lines, noop.Tracer{}, bustest.Log(t))).Run)
	r.configureContracts()

	outcomes := r.provoke(t)
	captures.check(t, c, len(outcomes))
	seen, details := map[string]bool{event.HeaderAttempt: true}, map[string]bool{}
	for _, o := range outcomes {
		c.checkHeaders(t, o.Subject, o.Header)
		for name := range o.Header {
			seen[name] = true
		}
		details[o.Header.Get(event.HeaderReason)], details[o.Header.Get(event.HeaderDetail)] = true, true
	}
	for _, name := range sourceConstants(t, "pkg/event", "Header", "") {
		if !seen[name] {
			t.Errorf("no message had the header %s", name)
		}
	}
	for _, text := range slices.Concat(sourceConstants(t, "pkg/event", "", "Reason"), sourceConstants(t, "pkg/event", "Detail", "")) {
		if !details[text] {
			t.Errorf("no message had %s as its reason or detail", text)
		}
	}
	c.checkAudit(t, r.bus, policies, lines.lines(), len(outcomes)-1) // the message of the panic was not judged
}

// provoke sends every case and what must be parked, and returns the outcomes.
func (r *rig) provoke(t *testing.T) (outcomes []bus.Stored) {
	t.Helper()
	for i, x := range contractCases() {
		body := fmt.Appendf(nil, `{"case":%d,"type":"order.changed"}`, i)
		h := signed(body)
		if x.again {
			r.outcome(r.accept(x.webhook, h.Clone(), body))
		}
		if x.change != nil {
			x.change(h, body)
		}
		outcomes = append(outcomes, expect(t, r, r.accept(x.webhook, h, body), x.webhook, body, x.reason, x.detail))
	}
	hours, body := time.Now().Add(-2*time.Hour), []byte("an old event")
	later := captured(t, "genesys", []byte("a later format"), time.Now())
	later.Header.Set(event.HeaderVersion, "2")
	timeless := captured(t, "genesys", []byte("no time"), time.Now())
	timeless.Header.Set(event.HeaderReceivedAt, "soon")
	for _, m := range []*nats.Msg{captured(t, "nobody", body, time.Now()), captured(t, "genesys", body, hours), captured(t, "genesys", body, hours),
		captured(t, "unresolved", body, time.Now()), captured(t, "newer", body, time.Now()), later, timeless} {
		outcomes = append(outcomes, r.outcome(r.publish(m)))
	}
	rejected := outcomes[9]
	again, err := event.Redriven(&nats.Msg{Subject: rejected.Subject, Header: maps.Clone(rejected.Header), Data: rejected.Data}, 1, "alice")
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("the outcome of a redrive", func() bool {
		r.publish(again) // stored once, whatever the number of tries
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.outcomes[rejected.Header.Get(event.HeaderID)]) == 2
	})
	r.mu.Lock()
	outcomes = append(outcomes, r.outcomes[rejected.Header.Get(event.HeaderID)][1])
	r.mu.Unlock()
	// No request makes the verifier panic, so this message is made as the verifier would.
	panicked := event.ParkedMsg(captured(t, "genesys", body, hours), 7, "test", event.Verdict{Reason: event.Panicked})
	return append(outcomes, bus.Stored{Subject: panicked.Subject, Header: panicked.Header, Data: panicked.Data})
}

// checkAudit holds the audit lines and the page of the audit endpoint against their schemas.
func (c *contracts) checkAudit(t *testing.T, b *bus.Bus, policies *policy.Store, lines []string, judged int) {
	t.Helper()
	if len(lines) < judged {
		t.Errorf("%d audit lines, want at least %d", len(lines), judged)
	}
	line := c.schema(t, "audit.schema.json#/$defs/line")
	for _, text := range lines {
		c.checkJSON(t, line, []byte(text))
	}
	s := admin.New(nil, bustest.Log(t))
	audit.New(b, policies, bustest.Log(t)).Mount(s)
	srv := httptest.NewServer(s)
	defer srv.Close()
	res, err := http.Get(srv.URL + "/webhooks/audit/log?limit=1000")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var page bytes.Buffer
	if _, err := page.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(page.String(), `"sequence"`); n < judged {
		t.Errorf("the audit's page has %d entries, want at least %d", n, judged)
	}
	c.checkJSON(t, c.schema(t, "audit.schema.json#/$defs/page"), page.Bytes())
}

// message returns the message that the AsyncAPI document describes for a root.
func (c *contracts) message(t *testing.T, root string) any {
	t.Helper()
	for _, m := range dig(c.asyncapi, "channels", root, "messages").(map[string]any) {
		return dig(c.asyncapi, "components", "messages", strings.TrimPrefix(dig(m, "$ref").(string), "#/components/messages/"))
	}
	t.Fatalf("no message of %s is described", root)
	return nil
}

// checkHeaders holds the headers of a message against the schema of its subject, and wants each of them described there. It
// also makes sure that the schema would miss those that it requires.
func (c *contracts) checkHeaders(t *testing.T, subject string, h nats.Header) {
	t.Helper()
	root, _, _ := strings.Cut(subject, ".")
	ref, _ := dig(c.message(t, root), "headers", "$ref").(string)
	if ref == "" {
		if len(h) > 0 {
			t.Errorf("%s has the headers %q, and none are described", subject, h)
		}
		return
	}
	definition := ref[strings.LastIndex(ref, "/")+1:]
	schema, described, document := c.schema(t, ref), c.headers(definition, "captured", "judged"), map[string]any{}
	for name, values := range h {
		if !described[name] && !strings.HasPrefix(name, "Http-") {
			t.Errorf("%s has the header %s, which is not described", subject, name)
		}
		document[name] = values[0]
		if len(values) > 1 {
			several := make([]any, len(values))
			for i, v := range values {
				several[i] = v
			}
			document[name] = several
		}
	}
	if err := schema.Validate(document); err != nil {
		t.Errorf("headers of %s: %v", subject, err)
	}
	for _, name := range textsOf(dig(c.raw["headers.schema.json"], "$defs", definition, "required")) {
		without := maps.Clone(document)
		delete(without, name)
		if schema.Validate(without) == nil {
			t.Errorf("the headers of %s are accepted without %s", subject, name)
		}
	}
}

func (c *contracts) checkJSON(t *testing.T, schema *jsonschema.Schema, document []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%s: %v", document, err)
	}
}
