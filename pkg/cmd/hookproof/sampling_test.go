package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/telemetry/telemetrytest"
)

// mixedRequests is how many requests TestSampling sends; HOOKPROOF_TEST_REQUESTS sets another number.
func mixedRequests(t *testing.T) int {
	t.Helper()
	text := os.Getenv("HOOKPROOF_TEST_REQUESTS")
	if text == "" {
		return 2000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSampling sends mixed requests at a ratio of 1 %, half of them before there is a verifier, so that they wait in the
// stream. Every reject must be found with the spans of its ingress, and about 1 % of the verified.
func TestSampling(t *testing.T) {
	const rejectEvery, ratio = 25, 0.01
	n := mixedRequests(t)
	got := receive(t)
	sampler := []string{"OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG", fmt.Sprint(ratio)}
	r := newWatchedRig(t, bus.Topology{}, watched{ingress: observe(t, got, "hookproof-ingress", sampler...)}, 0)
	webhooks := []string{"one", "two", "three"} // each has a cap of its own
	for _, name := range webhooks {
		r.configure(policy.Policy{Webhook: name, Scheme: scheme(t, signature.NameGenesysWebhook)})
	}
	var mu sync.Mutex
	rejected := map[string]bool{}
	send := func(i int) {
		body := fmt.Appendf(nil, `{"n":%d}`, i)
		h := signed(body)
		if i%rejectEvery == 0 {
			switch i / rejectEvery % 4 {
			case 0:
				h.Set("X-Genesys-Signature", "forged")
			case 1:
				h.Del("X-Genesys-Signature")
			case 2:
				h.Del("X-Genesys-Timestamp")
			case 3:
				h.Set("X-Genesys-Timestamp", "1700000000000")
			}
		}
		status, id := r.post(webhooks[i/(4*rejectEvery)%len(webhooks)], h, body)
		mu.Lock()
		defer mu.Unlock()
		if rejected[id] = i%rejectEvery == 0; status != 200 {
			t.Errorf("status %d", status)
		}
	}
	inParallel(n/2, func(i int) { send(i) })
	verifierTel := observe(t, got, "hookproof-verifier", sampler...)
	for range 2 {
		r.addVerifier(bus.Topology{}, verifierTel)
	}
	inParallel(n-n/2, func(i int) { send(n/2 + i) })
	r.drained()
	rejects := 0
	for _, is := range rejected {
		if is {
			rejects++
		}
	}
	got.Wait(t, rejects, func(s telemetrytest.Span) bool { return s.Attributes["hookproof.verdict"] == event.Rejected })
	assertSampled(t, got, rejected, ratio)
}

// assertSampled looks for the whole trace of every reject, and counts the verified.
func assertSampled(t *testing.T, got *telemetrytest.Receiver, rejected map[string]bool, ratio float64) {
	t.Helper()
	kinds := map[string]map[string]int{} // spans of a trace by their kinds
	traces := map[string]string{}        // by the id of the request
	verified := map[string]bool{}
	for _, s := range got.Spans() {
		if kinds[s.TraceID] == nil {
			kinds[s.TraceID] = map[string]int{}
		}
		kinds[s.TraceID][s.Kind]++
		if s.Kind == "CONSUMER" {
			id := s.Attributes["hookproof.id"]
			traces[id] = s.TraceID
			if !rejected[id] {
				verified[id] = true
			}
		}
	}
	rejects := 0
	for id, is := range rejected {
		if !is {
			continue
		}
		rejects++
		if k := kinds[traces[id]]; k["SERVER"] != 1 || k["PRODUCER"] != 2 || k["CONSUMER"] != 1 {
			t.Errorf("reject %s: spans by kind = %v", id, k)
		}
	}
	genuine := float64(len(rejected) - rejects)
	want, spread := genuine*ratio, 6*math.Sqrt(genuine*ratio*(1-ratio))
	if k := float64(len(verified)); math.Abs(k-want) > spread {
		t.Errorf("%v of %v verified are sampled, want %.0f ± %.0f", k, genuine, want, spread)
	}
	t.Logf("%d of %d rejects with their ingress spans; %d of %.0f verified, %.2f %%", rejects, rejects, len(verified), genuine, 100*float64(len(verified))/genuine)
}

// TestFlood floods one webhook with forgeries. What is traced stays within the cap, and the rest is counted.
func TestFlood(t *testing.T) {
	const n = 600
	got := receive(t)
	r := newWatchedRig(t, bus.Topology{}, watched{ingress: observe(t, got, "hookproof-ingress", "OTEL_TRACES_SAMPLER", "parentbased_always_off")}, 0)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook)})
	inParallel(n, func(i int) {
		h := signed([]byte("other"))
		h.Set("X-Genesys-Signature", "forged")
		r.post("genesys", h, fmt.Appendf(nil, "%d", i))
	})
	tel := observe(t, got, "hookproof-verifier", "OTEL_TRACES_SAMPLER", "parentbased_always_off")
	began := time.Now()
	r.addVerifier(bus.Topology{}, tel)
	r.drained()
	most := int(telemetry.KeptPerSecond * (1 + time.Since(began).Seconds()))
	leftOut := 0
	r.eventually("all are traced or counted", func() bool {
		leftOut = int(sum(t, tel, `hookproof_traces_left_out_total{reason="SIGNATURE_MISMATCH",webhook="genesys"}`))
		return leftOut+rejectsOf(got) == n
	})
	if rejectsOf(got) > most {
		t.Errorf("%d rejects are traced, want %d at most; %d are counted as left out", rejectsOf(got), most, leftOut)
	}
	t.Logf("%d traced, %d counted", rejectsOf(got), leftOut)
}

func rejectsOf(got *telemetrytest.Receiver) (n int) {
	for _, s := range got.Spans() {
		if s.Attributes["hookproof.verdict"] == event.Rejected {
			n++
		}
	}
	return n
}

// sum scrapes the value of a series, or of all series of a metric.
func sum(t *testing.T, tel *telemetry.Telemetry, series string) (total float64) {
	t.Helper()
	w := httptest.NewRecorder()
	tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	lines := bufio.NewScanner(io.LimitReader(w.Body, 1<<24))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name != series && !strings.HasPrefix(name, series+"{") {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		total += v
	}
	return total
}

// inParallel calls fn with 0 to n-1, from a few goroutines.
func inParallel(n int, fn func(i int)) {
	var workers sync.WaitGroup
	next := make(chan int)
	for range 16 {
		workers.Go(func() {
			for i := range next {
				fn(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}
