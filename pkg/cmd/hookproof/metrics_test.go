package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
	"github.com/hookproof/hookproof/verifier"
)

// addresses is a log handler that notes what address each listener says that it has.
type addresses struct {
	slog.Handler
	admin, ingress chan string
}

func (a addresses) Handle(ctx context.Context, r slog.Record) error {
	to := map[string]chan string{"admin listening": a.admin, "ingress listening": a.ingress}[r.Message]
	r.Attrs(func(attr slog.Attr) bool {
		if to != nil && attr.Key == "address" {
			to <- attr.Value.String()
		}
		return true
	})
	return a.Handler.Handle(ctx, r)
}

// wired runs an ingress and a verifier as the commands wire them, on a server of their own, and returns their addresses.
// Variables are pairs of name and value.
func wired(t *testing.T, b *bus.Bus, variables ...string) (admin, public string) {
	t.Helper()
	log := addresses{bustest.Log(t).Handler(), make(chan string, 1), make(chan string, 1)}
	p := &process{stdout: io.Discard, log: slog.New(log), lookupEnv: func(name string) (string, bool) {
		if i := slices.Index(variables, name); i >= 0 {
			return variables[i+1], true
		}
		return "", false
	}}
	ctx, cancel := context.WithCancel(context.Background())
	pool, err := newPool(ctx, "all", adminFlags{}, b, p)
	if err != nil {
		t.Fatal(err)
	}
	pool.checkStreams(bus.Topology{})
	if err := pool.addIngress(httpFlags{Listen: "127.0.0.1:0", StrangerRate: 1e6, StrangerBurst: 1e6}); err != nil {
		t.Fatal(err)
	}
	pool.addVerifier(bus.Topology{}, 0, secret.Resolver{Getenv: testEnv}, verifier.NewReporter(io.Discard, pool.tel.Tracer(), p.log))
	ended := make(chan error, 1)
	go func() { ended <- pool.run(ctx, "127.0.0.1:0") }()
	t.Cleanup(func() {
		cancel()
		http.DefaultClient.CloseIdleConnections() // a server waits 5 s for one that was never used
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return "http://" + <-log.admin, "http://" + <-log.ingress
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// series are the label sets of a scrape by the metrics' names.
type series map[string][]map[string]string

var (
	sample = regexp.MustCompile(`^([a-z0-9_]+)(?:\{(.*)\})? `)
	label  = regexp.MustCompile(`([a-z0-9_]+)="((?:[^"\\]|\\.)*)"`)
)

func scrape(t *testing.T, url string) series {
	t.Helper()
	_, text := get(t, url+"/metrics")
	found := series{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		m := sample.FindStringSubmatch(lines.Text())
		if m == nil || strings.HasPrefix(m[1], "go_") || strings.HasPrefix(m[1], "process_") {
			continue
		}
		labels := map[string]string{}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			labels[l[1]] = l[2]
		}
		found[m[1]] = append(found[m[1]], labels)
	}
	return found
}

// TestMetrics scrapes /metrics as Prometheus does, after requests of every kind. The names are those of
// testdata/metric-names.txt, which the alerts and the dashboard are held against too, and what strangers make up becomes
// no label.
func TestMetrics(t *testing.T) {
	b, _ := bustest.New(t, bus.Topology{})
	expiring := policy.Secret{Ref: "env:WEBHOOK_SECRET", NotAfter: time.Now().Add(time.Hour)}
	r := &rig{t: t, bus: b}
	admin, public := wired(t, b)
	r.url = public + "/webhooks/"
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook), Secrets: []policy.Secret{expiring}})
	inParallel(50, func(i int) { stranger(t, public, i) })
	body := []byte(`{"n":1}`)
	r.accept("genesys", signed(body), body)
	r.accept("genesys", signed(body), body)
	forged := signed(body)
	forged.Set("X-Genesys-Signature", "forged")
	forged.Set("X-Genesys-Reason", "made up")
	r.accept("genesys", forged, body)
	var found series
	r.eventually("three verdicts and a reading of the streams", func() bool {
		found = scrape(t, admin)
		return len(found["hookproof_verdicts_total"]) == 3 && len(found["hookproof_stream_fill_ratio"]) > 0
	})
	assertNames(t, found)
	assertLabels(t, found)
	if n := len(found["http_server_request_duration_seconds_count"]); n > 8 {
		t.Errorf("%d series of requests after 50 strangers", n)
	}
}

// stranger sends a request that no webhook is for, unlike any other.
func stranger(t *testing.T, public string, i int) {
	t.Helper()
	req, err := http.NewRequest([]string{"POST", "GET", "BREW"}[i%3], fmt.Sprintf("%s/webhooks/made-up-%d?q=%d", public, i, i), strings.NewReader("x"))
	if err != nil {
		t.Error(err)
		return
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	res.Body.Close()
}

// assertNames holds the names against the list. A name with a question mark is of a metric that is there only at times.
func assertNames(t *testing.T, found series) {
	t.Helper()
	raw, err := os.ReadFile("../../../testdata/metric-names.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, atTimes := strings.CutSuffix(line, " ?")
		if listed[name] = true; !atTimes && found[name] == nil {
			t.Errorf("metric %s is listed and not there", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !listed[name] {
			t.Errorf("metric %s is there and not listed", name)
		}
	}
}

// assertLabels holds every value of a label against its closed set.
func assertLabels(t *testing.T, found series) {
	t.Helper()
	reasons := []string{""}
	for _, r := range slices.Concat(event.Reasons(), event.ParkReasons()) {
		reasons = append(reasons, string(r))
	}
	closed := map[string][]string{
		"webhook": {"genesys", "(unknown)"}, "reason": reasons, "verdict": {event.Verified, event.Rejected, event.Parked},
		"detail": {"", event.DetailMalformed, event.DetailReplay, event.DetailRedelivery}, "result": {"won", "taken", "own", "error"},
		"http_request_method": {"GET", "POST", "_OTHER"}, "http_route": {"/webhooks/{webhook}"},
		"http_response_status_code": {"200", "404", "405", "503"}, "error_type": {"503"},
		"stream":   {bus.StreamUnverified, bus.StreamVerified, bus.StreamRejected, bus.StreamParked, "KV_replay-body", "KV_replay-signed"},
		"consumer": {bus.ConsumerVerifier}, "bucket": {bus.BucketReplayBody},
		"messaging_system": {"nats"}, "messaging_operation_name": {"publish", "process"},
		"messaging_destination_template": {"unverified.{webhook}", "verified.{webhook}", "rejected.{webhook}"},
	}
	for name, sets := range found {
		if name == "target_info" {
			continue
		}
		for _, labels := range sets {
			for l, v := range labels {
				if l != "le" && !slices.Contains(closed[l], v) {
					t.Errorf("%s{%s=%q}: not in the closed set", name, l, v)
				}
			}
		}
	}
}

// TestReadiness follows /readyz of wired roles from ready to the reasons why not.
func TestReadiness(t *testing.T) {
	t.Parallel() // a role that lost its bus takes its time to end
	b, srv := bustest.New(t, bus.Topology{})
	admin, _ := wired(t, b)
	r := &rig{t: t, bus: b, server: srv}
	r.eventually("ready", func() bool {
		status, body := get(t, admin+"/readyz")
		return status == http.StatusOK && strings.Contains(body, `"clock": "ok"`) && strings.Contains(body, `"consumer verifier": "ok"`)
	})
	if status, _ := get(t, admin+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz = %d", status)
	}
	srv.Shutdown()
	r.eventually("not ready, and says why", func() bool {
		status, body := get(t, admin+"/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"bus": "bus unavailable`)
	})
	if status, _ := get(t, admin+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz without a bus = %d", status)
	}
}
