package genesys_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
)

// TestSpans shows one client span for each attempt, with the path's template and never an id.
func TestSpans(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	traced := func(c *genesys.Config) {
		c.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	}
	inWorld(t, genesystest.Config{}, traced, func(t *testing.T, w world) {
		id := w.sim.AddWebhook(webhook()).ID
		w.sim.Inject(genesystest.Fault{Op: "GetWebhook", Kind: genesystest.RateLimited, RetryAfter: "1"})
		w.sim.Inject(genesystest.Fault{Op: "GetWebhook", Kind: genesystest.HTML})
		if _, err := w.client.GetWebhook(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	})
	const get = "GET /api/v2/integrations/webhooks/{id}"
	want := []string{
		"POST /oauth/token client Unset [POST /oauth/token 127.0.0.1 - 200 -]",
		get + " client Error [GET /api/v2/integrations/webhooks/{id} 127.0.0.1 - 429 429]",
		get + " client Error [GET /api/v2/integrations/webhooks/{id} 127.0.0.1 1 200 malformed]",
		get + " client Unset [GET /api/v2/integrations/webhooks/{id} 127.0.0.1 2 200 -]",
	}
	var got []string
	for _, s := range spans.Ended() {
		got = append(got, fmt.Sprintf("%s %v %v %v", s.Name(), s.SpanKind(), s.Status().Code, values(s.Attributes())))
		if !trace.SpanContext.IsValid(s.SpanContext()) {
			t.Error("a span without a context")
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("spans\n%q, want\n%q", got, want)
	}
}

func values(attrs []attribute.KeyValue) (out []string) {
	set := attribute.NewSet(attrs...)
	for _, key := range []attribute.Key{
		"http.request.method", "url.template", "server.address", "http.request.resend_count", "http.response.status_code", "error.type",
	} {
		text := "-"
		if v, ok := set.Value(key); ok {
			text = v.String()
		}
		out = append(out, text)
	}
	return out
}

func TestObserve(t *testing.T) {
	var mu sync.Mutex
	var got []string
	watch := func(c *genesys.Config) {
		c.Observe = func(op string, status int, err error, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprint(op, " ", status, " ", err != nil, " ", took))
		}
	}
	inWorld(t, genesystest.Config{}, watch, func(t *testing.T, w world) {
		w.sim.Inject(genesystest.Fault{Op: "ListWebhooks", Kind: genesystest.Slow, Delay: time.Hour})
		w.sim.Inject(genesystest.Fault{Op: "ListWebhooks", Kind: genesystest.ServerError, Status: 503, RetryAfter: "1"})
		if err := get(t.Context(), w.client); err != nil {
			t.Fatal(err)
		}
	})
	want := []string{"Token 200 false 0s", "ListWebhooks 0 true 30s", "ListWebhooks 503 true 0s", "ListWebhooks 200 false 0s"}
	if !slices.Equal(got, want) {
		t.Errorf("observed %q, want %q", got, want)
	}
}

func TestObserveToken(t *testing.T) {
	var expires []time.Time
	watch := func(c *genesys.Config) {
		c.ObserveToken = func(at time.Time) { expires = append(expires, at) }
	}
	inWorld(t, genesystest.Config{}, watch, func(t *testing.T, w world) {
		for range 2 { // one token serves both calls
			if err := get(t.Context(), w.client); err != nil {
				t.Fatal(err)
			}
		}
		if len(expires) != 1 || !expires[0].After(time.Now()) {
			t.Errorf("expiries %v, want one that is to come", expires)
		}
	})
}
