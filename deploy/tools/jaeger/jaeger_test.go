package jaeger

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sent is a request that was sent, and what it must be found by.
type sent struct {
	bad, webhook, reason string
	id                   string
}

// requests lists a genuine request and one of each kind that is rejected. Bad is what hookproof send spoils.
func requests() []sent {
	return []sent{
		{webhook: "genesys"},
		{webhook: "forgotten", reason: "UNKNOWN_WEBHOOK"},
		{webhook: "genesys", bad: "address", reason: "IP_NOT_WHITELISTED"},
		{webhook: "genesys", bad: "missing-timestamp", reason: "MISSING_TIMESTAMP"},
		{webhook: "genesys", bad: "timestamp", reason: "TIMESTAMP_SKEW_EXCEEDED"},
		{webhook: "genesys", bad: "missing-signature", reason: "MISSING_SIGNATURE"},
		{webhook: "genesys", bad: "signature", reason: "SIGNATURE_MISMATCH"},
		{webhook: "genesys", bad: "replay", reason: "REPLAY_ATTACK_DETECTED"},
	}
}

// TestFindRejects sends requests of every kind and finds each in Jaeger by its tags, with the whole chain of spans: when
// everything is sampled, and when nothing is that was not rejected.
func TestFindRejects(t *testing.T) {
	otlp, query := startJaeger(t)
	for _, sampler := range []string{"always_on", "parentbased_always_off"} {
		t.Run(sampler, func(t *testing.T) {
			p := startPool(t, otlp, sampler)
			p.forget("forgotten")
			list := requests()
			for i := range list {
				list[i].id = p.send(list[i])
			}
			for _, s := range list {
				if s.reason == "" && sampler != "always_on" {
					continue
				}
				s.check(t, find(t, query, s.tags()))
			}
		})
	}
}

// tags are what a person types into Jaeger's search.
func (s sent) tags() map[string]string {
	tags := map[string]string{"hookproof.id": s.id, "hookproof.webhook": s.webhook, "hookproof.verdict": "verified"}
	if s.reason != "" {
		tags["hookproof.verdict"], tags["hookproof.reason"] = "rejected", s.reason
	}
	return tags
}

var acceptedID = regexp.MustCompile(`"id":"([^"]+)"`)

// send sends a request with the program itself and returns its id; of a replay that is the second copy's.
func (p *pool) send(s sent) string {
	p.t.Helper()
	program, err := hookproofBinary()
	if err != nil {
		p.t.Fatal(err)
	}
	args := []string{"send", p.ingress + s.webhook}
	if s.bad != "" {
		args = append(args, "--bad", s.bad)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+testSecret)
	out, err := cmd.Output()
	ids := acceptedID.FindAllStringSubmatch(string(out), -1)
	if err != nil || len(ids) == 0 {
		p.t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return ids[len(ids)-1][1]
}

// forget leaves a webhook with a route and without a policy. It speaks the NATS protocol itself, which is four lines.
func (p *pool) forget(webhook string) {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.nats)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	route := fmt.Sprintf(`{"webhook":%q}`, webhook)
	fmt.Fprintf(conn, "CONNECT {\"verbose\":false}\r\nPUB $KV.routes.%s %d\r\n%s\r\nPING\r\n", webhook, len(route), route)
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "PONG") {
			break
		}
	}
	eventually(p.t, "route of "+webhook, func() bool {
		res, err := http.Get(p.ingress + webhook)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusMethodNotAllowed
	})
}

// found is a trace as Jaeger's query API answers it.
type found struct {
	TraceID string
	Spans   []struct {
		SpanID, OperationName, ProcessID string
		References                       []struct{ RefType, SpanID string }
		Tags                             []struct {
			Key   string
			Value any
		}
		Logs []json.RawMessage
	}
	Processes map[string]struct{ ServiceName string }
}

// find searches until Jaeger has one trace with all the tags on one span, and the span of the outcome's publish in it.
func find(t *testing.T, query string, tags map[string]string) found {
	t.Helper()
	encoded, err := json.Marshal(tags)
	if err != nil {
		t.Fatal(err)
	}
	v := url.Values{"service": {"hookproof-all"}, "tags": {string(encoded)}, "limit": {"10"}, "lookback": {"1h"},
		"start": {fmt.Sprint(time.Now().Add(-time.Hour).UnixMicro())}, "end": {fmt.Sprint(time.Now().Add(time.Hour).UnixMicro())}}
	var answer struct{ Data []found }
	eventually(t, fmt.Sprintf("trace with %v", tags), func() bool {
		res, err := http.Get(query + "/api/traces?" + v.Encode())
		if err != nil {
			return false
		}
		defer res.Body.Close()
		answer.Data = nil
		return json.NewDecoder(res.Body).Decode(&answer) == nil && len(answer.Data) == 1 && answer.Data[0].complete()
	})
	return answer.Data[0]
}

// complete reports whether both processes have delivered: a trace comes in parts.
func (f found) complete() bool {
	server, process := false, false
	for _, s := range f.Spans {
		server = server || strings.HasPrefix(s.OperationName, "POST ")
		process = process || strings.HasPrefix(s.OperationName, "process ")
	}
	return server && process
}

// check holds the chain of spans against what the request must leave: each span's parent is the one before it.
func (s sent) check(t *testing.T, f found) {
	t.Helper()
	outcome, process := "publish verified."+s.webhook, "process unverified."+s.webhook
	if s.reason != "" {
		outcome = "publish rejected." + s.webhook
	}
	parents := map[string]string{"POST /webhooks/{webhook}": "", "publish unverified." + s.webhook: "POST /webhooks/{webhook}", process: "publish unverified." + s.webhook, outcome: process}
	if s.reason == "" || s.reason == "REPLAY_ATTACK_DETECTED" {
		parents["claim replay-body"] = process
	}
	names := map[string]string{} // by span id
	for _, span := range f.Spans {
		names[span.SpanID] = span.OperationName
	}
	for _, span := range f.Spans {
		parent := ""
		if len(span.References) > 0 {
			parent = names[span.References[0].SpanID]
		}
		want, expected := parents[span.OperationName]
		if !expected || parent != want {
			t.Errorf("%s: parent of %q = %q, want %q", s.reason, span.OperationName, parent, want)
		}
		delete(parents, span.OperationName)
		tags := map[string]any{}
		for _, tag := range span.Tags {
			tags[tag.Key] = tag.Value
		}
		if failed := tags["error"] == true; span.OperationName == process && (failed != (s.reason != "") || len(span.Logs) == 0) {
			t.Errorf("%s: failed = %t, and %d checks, want an error exactly for a reject", s.reason, failed, len(span.Logs))
		}
	}
	if len(parents) > 0 {
		t.Errorf("%s: there is no span %v", s.reason, parents)
	}
}
