package provisioner_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/telemetry/telemetrytest"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// TestTrace follows a config message in one trace: publish, process, the pass, its steps, and the API calls of each. No
// span tells the webhook's secret or the API's.
func TestTrace(t *testing.T) {
	got := telemetrytest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", got.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	tel, err := telemetry.Setup(context.Background(), telemetry.Config{Service: "test",
		Getenv: func(name string) (string, bool) {
			v, ok := map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "none"}[name]
			return v, ok
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	c := newCloud(t, genesystest.Config{})
	cfg := c.config()
	cfg.Tracer = tel.Tracer()
	cfg.Genesys = c.client(func(g *genesys.Config) { g.TracerProvider = tel.TracerProvider() })
	c.run(cfg)

	m := &nats.Msg{Subject: "config.w", Header: nats.Header{}, Data: []byte(c.hook("w", "env:HOOKPROOF_SECRET_A", ""))}
	var sequence uint64
	publishing := telemetry.NewPublishing(tel.Tracer(), nil)
	if err := publishing.Do(context.Background(), m, func(ctx context.Context) error {
		ack, err := c.bus.Publish(ctx, m)
		sequence = ack.Sequence
		return err
	}); err != nil {
		t.Fatal(err)
	}
	c.await(sequence, webhook.PhaseLive)
	pass := got.Wait(t, 1, func(s telemetrytest.Span) bool { return s.Name == "reconcile w" && len(s.Links) == 0 })[0]
	flush, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := tel.Flush(flush); err != nil {
		t.Fatal(err)
	}

	names, calls := map[string]telemetrytest.Span{}, 0 // by span id
	for _, s := range got.Spans() {
		names[s.SpanID] = s
	}
	parents := map[string]string{"publish config.w": "", "process config.w": "publish config.w", "reconcile w": "process config.w"}
	for _, s := range got.Spans() {
		if s.TraceID != pass.TraceID {
			t.Errorf("%q is in a trace of its own", s.Name)
		}
		parent := names[s.ParentID].Name
		switch want, known := parents[s.Name]; {
		case known && parent != want, strings.HasPrefix(s.Name, "step ") && parent != "reconcile w":
			t.Errorf("parent of %q = %q", s.Name, parent)
		case s.Kind == "CLIENT":
			if calls++; !strings.HasPrefix(parent, "step ") {
				t.Errorf("parent of the call %q = %q", s.Name, parent)
			}
		}
		for key, value := range s.Attributes {
			if strings.Contains(value, "secret-A-") || strings.Contains(value, c.sim.ClientConfig(c.server).ClientSecret.Reveal()) {
				t.Errorf("%q tells a secret in %s", s.Name, key)
			}
		}
	}
	if calls < 4 {
		t.Errorf("%d calls of the API are traced", calls)
	}
	for _, step := range []string{"policy", "route", "find", "create", "test", "enable"} {
		if len(got.Wait(t, 1, func(s telemetrytest.Span) bool { return s.Name == "step "+step })) != 1 {
			t.Errorf("step %s is not traced once", step)
		}
	}
}
