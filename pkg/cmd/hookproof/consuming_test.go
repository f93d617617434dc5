package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookproof/hookproof/pkg/event"
)

func readConsuming(t testing.TB) string {
	t.Helper()
	page, err := os.ReadFile("../../../deploy/consuming.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// consumingLines returns the lines of the page's blocks, in their order.
func consumingLines(t testing.TB) (lines []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^    (.+)$`).FindAllStringSubmatch(readConsuming(t), -1) {
		lines = append(lines, m[1])
	}
	return lines
}

// consumingLine returns the one line of the page's blocks that begins so.
func consumingLine(t testing.TB, prefix string) string {
	t.Helper()
	for _, line := range consumingLines(t) {
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
	t.Fatalf("deploy/consuming.md has no line that begins with %s", prefix)
	return ""
}

// readerEnv returns the settings with which the page runs a consumer as the reader, for a server of the test.
func (a *accounts) readerEnv() (env []string) {
	a.t.Helper()
	at := map[string]string{"NATS_URL": a.url, "NATS_CA": a.ca, "NATS_NKEY": filepath.Join(a.dir, "reader.nk")}
	for _, setting := range strings.Fields(consumingLine(a.t, "NATS_URL=")) {
		name, value, is := strings.Cut(setting, "=")
		if real, differs := at[name]; differs {
			value = real
		}
		if is {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// TestConsumingNames holds what the page names against the code: every header of a verified event, both ways, and every
// file.
func TestConsumingNames(t *testing.T) {
	page := readConsuming(t)
	table := page[strings.Index(page, "## Headers"):strings.Index(page, "Never trust")]
	var named []string
	for _, m := range regexp.MustCompile("`((?:Hookproof|Nats)-[A-Za-z-]+|ce-[a-z]+|content-type|trace[a-z]+)`").FindAllStringSubmatch(table, -1) {
		named = append(named, m[1])
	}
	want := []string{}
	for name := range readContracts(t).headers("verified", "captured", "judged") {
		if name != event.HeaderReason && name != event.HeaderDetail { // a verified event has neither
			want = append(want, name)
		}
	}
	agree(t, "headers in the page's table", named, want)
	for _, l := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(page, -1) {
		if _, err := os.Stat("../../../deploy/" + l[1]); err != nil {
			t.Errorf("link to %s: %v", l[1], err)
		}
	}
}

// delivered is what the page's line of Go takes for a message.
type delivered struct{ *nats.Msg }

func (m delivered) Headers() nats.Header { return m.Header }

// TestConsumingTrace goes on with the trace as the page shows it.
func TestConsumingTrace(t *testing.T) {
	m, ctx := delivered{captured(t, "genesys", nil, time.Now())}, context.Background()
	m.Header["traceparent"] = []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": m.Headers().Get("traceparent"), "tracestate": m.Headers().Get("tracestate")})
	if id := trace.SpanContextFromContext(ctx).TraceID().String(); id != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("trace id = %s", id)
	}
	source, err := os.ReadFile("consuming_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if line := consumingLine(t, "ctx = "); !strings.Contains(string(source), "\t"+line+"\n") {
		t.Errorf("the page says %q, which is not what this test does", line)
	}
}
