package main

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/route"
	"github.com/hookproof/hookproof/pkg/signature"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/telemetry/telemetrytest"
)

// observe sets telemetry up as a role does, with an exporter to the receiver. Variables are pairs of name and value.
func observe(t testing.TB, to *telemetrytest.Receiver, service string, variables ...string) *telemetry.Telemetry {
	t.Helper()
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": to.URL, "OTEL_METRICS_EXPORTER": "none"}
	for i := 0; i < len(variables); i += 2 {
		env[variables[i]] = variables[i+1]
	}
	tel, err := telemetry.Setup(context.Background(), telemetry.Config{Service: service, Log: bustest.Log(t),
		Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := tel.Shutdown(ctx); err != nil {
			t.Errorf("telemetry: %v", err)
		}
	})
	return tel
}

// receive starts a back end for spans. What the exporters themselves need they read from the process's environment.
func receive(t *testing.T) *telemetrytest.Receiver {
	t.Helper()
	r := telemetrytest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	return r
}

// canary is in a header of every traced request. No span may tell it.
const canary = "a-header-value-that-nobody-may-see"

// tracedCase is a request, made so that it gets the reason; the empty reason is a genuine one.
type tracedCase struct {
	name, webhook string
	reason        event.Reason
	change        func(h http.Header)
	again         bool // it is sent twice, and the second one counts
}

func tracedCases() []tracedCase {
	drop := func(name string) func(http.Header) { return func(h http.Header) { h.Del(name) } }
	return []tracedCase{
		{name: "verified", webhook: "genesys"},
		{name: "unknown webhook", webhook: "forgotten", reason: event.UnknownWebhook},
		{name: "address", webhook: "closed", reason: event.IPNotWhitelisted},
		{name: "no timestamp", webhook: "genesys", reason: event.MissingTimestamp, change: drop("X-Genesys-Timestamp")},
		{name: "old timestamp", webhook: "genesys", reason: event.TimestampSkew, change: func(h http.Header) { h.Set("X-Genesys-Timestamp", "1700000000000") }},
		{name: "no signature", webhook: "genesys", reason: event.MissingSignature, change: drop("X-Genesys-Signature")},
		{name: "forged", webhook: "genesys", reason: event.SignatureMismatch, change: func(h http.Header) { h.Set("X-Genesys-Signature", "forged") }},
		{name: "replay", webhook: "genesys", reason: event.ReplayDetected, again: true},
		{name: "parked", webhook: "broken", reason: event.Unresolvable},
	}
}

// configureTraced configures the webhooks of tracedCases.
func (r *rig) configureTraced() {
	r.t.Helper()
	s := scheme(r.t, signature.NameGenesysWebhook)
	r.put(bus.BucketRoutes, "forgotten", route.Route{Webhook: "forgotten"}.Encode) // and no policy
	r.configure(policy.Policy{Webhook: "genesys", Scheme: s})
	r.configure(policy.Policy{Webhook: "closed", Scheme: s, Allowlist: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	r.configure(policy.Policy{Webhook: "broken", Scheme: s, Secrets: []policy.Secret{{Ref: "env:HOME"}}})
}

// send sends the case's request and returns its id.
func (c tracedCase) send(r *rig, headers ...string) string {
	r.t.Helper()
	body := []byte(`{"case":"` + c.name + `","of":"` + r.t.Name() + `"}`)
	h := signed(body)
	h.Set("X-Canary", canary)
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	if c.change != nil {
		c.change(h)
	}
	if c.again {
		r.outcome(r.accept(c.webhook, h, body))
	}
	return r.accept(c.webhook, h, body)
}

// TestTraceChain sends each kind of request through both roles and reads the whole trace of each off an OTLP receiver,
// with everything sampled and with nothing sampled that was not rejected.
func TestTraceChain(t *testing.T) {
	for name, sampler := range map[string]string{"all sampled": "always_on", "rejects only": "parentbased_always_off"} {
		t.Run(name, func(t *testing.T) {
			got := receive(t)
			r := newWatchedRig(t, bus.Topology{}, watched{
				ingress:  observe(t, got, "hookproof-ingress", "OTEL_TRACES_SAMPLER", sampler),
				verifier: observe(t, got, "hookproof-verifier", "OTEL_TRACES_SAMPLER", sampler),
			}, 1)
			r.configureTraced()
			cases, ids := tracedCases(), map[string]string{}
			for _, c := range cases {
				ids[c.name] = c.send(r)
			}
			for _, c := range cases {
				id := ids[c.name]
				outcome := r.outcome(id)
				if c.reason == "" && name == "rejects only" {
					continue
				}
				got.Wait(t, 1, func(s telemetrytest.Span) bool { return s.Kind == "CONSUMER" && s.Attributes["hookproof.id"] == id })
				got.Wait(t, 1, func(s telemetrytest.Span) bool { return s.Kind == "SERVER" && s.Attributes["hookproof.id"] == id })
				c.check(t, got, outcome)
			}
			for _, s := range got.Spans() {
				assertNoCanary(t, s)
				if s.Attributes["hookproof.verdict"] == event.Verified && name == "rejects only" {
					t.Errorf("%s was verified and sampled", s.Attributes["hookproof.id"])
				}
			}
		})
	}
}

// check holds the trace of an outcome against what the case must leave.
func (c tracedCase) check(t *testing.T, got *telemetrytest.Receiver, outcome bus.Stored) {
	t.Helper()
	id, unverified := outcome.Header.Get(event.HeaderID), "unverified."+c.webhook
	fields := strings.Split(outcome.Header["traceparent"][0], "-")
	spans := got.Trace(fields[1])
	server, published, process, stored := spans["POST /webhooks/{webhook}"], spans["publish "+unverified], spans["process "+unverified], spans["publish "+outcome.Subject]
	for _, link := range []struct{ name, is, want string }{
		{"parent of the server span", server.ParentID, ""},
		{"parent of the publish", published.ParentID, server.SpanID},
		{"parent of the process", process.ParentID, published.SpanID},
		{"parent of the outcome's publish", stored.ParentID, process.SpanID},
		{"span id that the outcome carries", fields[2], stored.SpanID},
		{"flags that the outcome carries", fields[3], "01"},
		{"kind of the server span", server.Kind, "SERVER"},
		{"kind of the publish", published.Kind, "PRODUCER"},
		{"kind of the process", process.Kind, "CONSUMER"},
		{"kind of the outcome's publish", stored.Kind, "PRODUCER"},
		{"reason", process.Attributes["hookproof.reason"], string(c.reason)},
		{"error type", process.Attributes["error.type"], string(c.reason)},
		{"webhook", process.Attributes["hookproof.webhook"], c.webhook},
		{"client address", process.Attributes["client.address"], "127.0.0.1"},
		{"system", process.Attributes["messaging.system"], "nats"},
		{"id in the server span", server.Attributes["hookproof.id"], id},
		{"address in the server span", server.Attributes["client.address"], "127.0.0.1"},
		{"verdict", process.Attributes["hookproof.verdict"], strings.Split(outcome.Subject, ".")[0]},
		{"service of the process", process.Service, "hookproof-verifier"},
	} {
		if link.is != link.want {
			t.Errorf("%s: %s = %q, want %q", c.name, link.name, link.is, link.want)
		}
	}
	if process.Failed != (c.reason != "") || c.reason != "" && !strings.Contains(process.Status, " ") {
		t.Errorf("%s: status of the process is failed %t, %q", c.name, process.Failed, process.Status)
	}
	c.checkEvents(t, process)
	claim, claimed := spans["claim replay-body"]
	if want := c.reason == "" || c.reason == event.ReplayDetected; claimed != want || claimed && claim.ParentID != process.SpanID {
		t.Errorf("%s: span of a claim %t, want %t", c.name, claimed, want)
	}
}

// checkEvents holds the events of the checks against the reason: the last one that was made failed, or none did.
func (c tracedCase) checkEvents(t *testing.T, process telemetrytest.Span) {
	t.Helper()
	results := map[string]int{}
	for _, e := range process.Events {
		results[e.Attributes["hookproof.check.result"]]++
	}
	want := map[string]int{"failed": 1}
	if c.reason == "" || c.reason == event.Unresolvable {
		want["failed"] = 0
	}
	if results["failed"] != want["failed"] || len(process.Events) == 0 && c.reason != event.Unresolvable {
		t.Errorf("%s: results of checks = %v, want %d failed", c.name, results, want["failed"])
	}
}

func assertNoCanary(t *testing.T, s telemetrytest.Span) {
	t.Helper()
	texts := []string{s.Name, s.Status}
	for _, v := range s.Attributes {
		texts = append(texts, v)
	}
	for _, e := range s.Events {
		for _, v := range e.Attributes {
			texts = append(texts, v)
		}
	}
	for _, text := range texts {
		if strings.Contains(text, canary) || strings.Contains(text, testSecret) {
			t.Errorf("span %q tells %q", s.Name, text)
		}
	}
}

// TestForgedTraceContext sends a request whose sender claims to be in a sampled trace. It must not get into that trace, nor
// force sampling.
func TestForgedTraceContext(t *testing.T) {
	const claimed = "0af7651916cd43dd8448eb211c80319c"
	parent := "00-" + claimed + "-b7ad6b7169203331-01"
	got := receive(t)
	r := newWatchedRig(t, bus.Topology{}, watched{ingress: observe(t, got, "in", "OTEL_TRACES_SAMPLER", "parentbased_always_off"),
		verifier: observe(t, got, "out", "OTEL_TRACES_SAMPLER", "parentbased_always_off")}, 1)
	r.configureTraced()
	outcome := r.outcome(tracedCase{name: "unsampled", webhook: "genesys"}.send(r, "Traceparent", parent, "Baggage", "k=v"))
	if carried := outcome.Header["traceparent"][0]; strings.Contains(carried, claimed) || !strings.HasSuffix(carried, "-00") {
		t.Errorf("traceparent = %s: joined or sampled because a stranger said so", carried)
	}
	if len(outcome.Header["baggage"]) > 0 {
		t.Error("baggage was carried on")
	}

	other := newWatchedRig(t, bus.Topology{}, watched{ingress: observe(t, got, "in")}, 1)
	other.configureTraced()
	id := tracedCase{name: "sampled", webhook: "genesys"}.send(other, "Traceparent", parent)
	s := got.Wait(t, 1, func(s telemetrytest.Span) bool { return s.Kind == "SERVER" && s.Attributes["hookproof.id"] == id })[0]
	if s.TraceID == claimed || s.ParentID != "" || len(s.Links) != 1 || s.Links[0] != claimed {
		t.Errorf("trace %s, parent %q, links %q: want a new root with a link", s.TraceID, s.ParentID, s.Links)
	}
}
