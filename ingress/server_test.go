package ingress_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"github.com/hookproof/hookproof/ingress"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func itoa(n int) string { return strconv.Itoa(n) }

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// TestAccepted holds that what is answered with 200 is stored as it came.
func TestAccepted(t *testing.T) {
	r := newRig(t, quick(), bus.Topology{}, route.Route{Webhook: "genesys"})
	for _, c := range []struct{ name, body string }{
		{"JSON", `{"a": 1.50, "a": "\u00e9"}`}, {"empty", ""}, {"binary", "\x00\xff\r\n\x1f\x8b"}, {"400 KiB", strings.Repeat("0123456789abcdef", 25<<10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			h := http.Header{"X-Genesys-Signature": {"one", "two"}, "Nats-Msg-Id": {"always the same"}, "Nats-Rollup": {"all"}, "X!#$%&'*+-.^_`|~": {"odd"},
				"Cookie": {"secret"}, "Traceparent": {"00-11111111111111111111111111111111-2222222222222222-01"}, "X-Forwarded-For": {"203.0.113.7"}}
			a := r.send(http.MethodPost, "/webhooks/genesys?x=%20", h, c.body)
			a.want(t, "POST", http.StatusOK, "", "")
			if id, err := uuid.Parse(a.id); err != nil || id.Version() != 7 {
				t.Errorf("id = %q, want a UUIDv7", a.id)
			}
			m, err := r.bus.Last(t.Context(), bus.StreamUnverified, "unverified.genesys")
			if err != nil {
				t.Fatal(err)
			}
			e, err := event.Decode(natsMsg(m))
			if err != nil {
				t.Fatal(err)
			}
			if e.ID != a.id || string(e.Body) != c.body || e.Path != "/webhooks/genesys?x=%20" || e.ClientIP != netip.MustParseAddr("203.0.113.7") {
				t.Errorf("stored %q %q from %v with %d bytes, want %q and the %d bytes that were sent", e.ID, e.Path, e.ClientIP, len(e.Body), a.id, len(c.body))
			}
			if e.ReceivedAt.Before(began.Add(-time.Second)) || e.ReceivedAt.After(time.Now()) {
				t.Errorf("ReceivedAt = %v, want a time since %v", e.ReceivedAt, began)
			}
			for name, want := range map[string][]string{"X-Genesys-Signature": {"one", "two"}, "Host": {"hooks.example.com"}, "Nats-Msg-Id": {"always the same"}, "X!#$%&'*+-.^_`|~": {"odd"}, "Cookie": nil} {
				if got := e.Header.HTTP()[name]; !slices.Equal(got, want) {
					t.Errorf("captured %s = %q, want %q", name, got, want)
				}
			}
			for name, values := range m.Header {
				if name != "Nats-Msg-Id" && !strings.HasPrefix(name, "Http-") && !strings.HasPrefix(name, "Hookproof-") {
					t.Errorf("header %s = %q, want nothing of the sender's without the prefix", name, values)
				}
			}
		})
	}
	if got := r.stored(); got != 4 {
		t.Errorf("%d messages are stored, want 4: the sender's Nats-Msg-Id must not count", got)
	}
}

// TestBusLimit holds that a route cannot ask for more than the bus takes, and that headers of any size still fit.
func TestBusLimit(t *testing.T) {
	r := newRig(t, quick(), bus.Topology{}, route.Route{Webhook: "large", MaxBody: 64 << 20})
	limit := int(r.bus.MaxPayload())
	r.post("large", nil, strings.Repeat("x", limit)).want(t, "a body of max_payload", 413, "body_too_large", "")
	largest := 0
	for size := limit - 128<<10; size < limit; size += 8 << 10 {
		if a := r.post("large", nil, strings.Repeat("x", size)); a.status != 200 {
			a.want(t, "the first body that is too large", 413, "body_too_large", "")
			break
		}
		largest = size
	}
	if largest < limit-64<<10 {
		t.Fatalf("the largest body that is taken = %d, want at least %d", largest, limit-64<<10)
	}
	full := http.Header{}
	for i := range 95 {
		full.Set("X-"+itoa(1000+i), strings.Repeat("x", 330))
	}
	r.post("large", full, strings.Repeat("x", largest)).want(t, "the largest body with large headers", 200, "", "")
}

func TestRates(t *testing.T) {
	cfg := quick()
	cfg.StrangerRate, cfg.StrangerBurst = 0.05, 10 // so one stranger has two at once, then one in 100 s
	r := newRig(t, cfg, bus.Topology{},
		route.Route{Webhook: "limited", Allowlist: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Rate: 0.01, Burst: 2},
		route.Route{Webhook: "free", Allowlist: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	for _, c := range []struct {
		name, webhook, from string
		status              int
	}{
		{"a stranger's first", "free", "198.51.100.1", 200},
		{"a stranger's second, to another webhook", "limited", "198.51.100.1", 200},
		{"a stranger's third", "free", "198.51.100.1", 429},
		{"another stranger", "free", "198.51.100.2", 200},
		{"an insider's first", "limited", "192.0.2.1", 200},
		{"another insider shares the budget", "limited", "192.0.2.2", 200},
		{"an insider's third", "limited", "192.0.2.1", 429},
		{"an insider of another webhook", "free", "192.0.2.1", 200},
		{"an insider without a limit", "free", "192.0.2.1", 200},
	} {
		a := r.post(c.webhook, from(c.from), "{}")
		if c.status == 200 {
			a.want(t, c.name, 200, "", "")
			continue
		}
		if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait < 90 || wait > 100 {
			t.Errorf("%s: Retry-After = %q, want about 100 s", c.name, a.header.Get("Retry-After"))
		}
		a.want(t, c.name, 429, "rate_exceeded", a.header.Get("Retry-After"))
	}
	if got := r.stored(); got != 7 {
		t.Errorf("%d messages are stored, want the 7 that were accepted", got)
	}
}

// TestNotLoaded asks an ingress that was never started.
func TestNotLoaded(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	in := ingress.New(quick(), b, noop.Tracer{}, bustest.Log(t))
	w := httptest.NewRecorder()
	in.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/webhooks/genesys", strings.NewReader("{}")))
	if w.Code != 503 || w.Header().Get("Retry-After") != "2" || !strings.Contains(w.Body.String(), `"starting"`) {
		t.Errorf("POST before the routes are loaded = %d %s, want 503 starting", w.Code, w.Body)
	}
}

// TestNewWebhook holds that a webhook which was made a moment ago is known, although the routes are read only now and then.
func TestNewWebhook(t *testing.T) {
	r := newRig(t, quick(), bus.Topology{})
	r.post("new", nil, "{}").want(t, "before", 404, "unknown_webhook", "")
	for i := range 5 {
		name := "new" + itoa(i)
		value, err := route.Route{Webhook: name}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.bus.Put(t.Context(), bus.BucketRoutes, name, value); err != nil {
			t.Fatal(err)
		}
		r.post(name, nil, "{}").want(t, "at once", 200, "", "")
	}
}
