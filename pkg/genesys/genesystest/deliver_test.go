package genesystest_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
)

// The published example of Open Messaging: a secret, a body of 522 bytes, and its signature.
const (
	vectorSecret    = "skjdhfsjfhjsdsoquwajkad1234"
	vectorBody      = `{"id":"d7d58935af65a45e5234ac77de017a0a","channel":{"id":"e6b352de-ecd0-49c7-94de-7787418869bc","platform":"Open","type":"Private","to":{"id":"did:plc:sbgfuxxuytgb65bjytiijovp","idType":"Opaque"},"from":{"nickname":"Bluesky - Open Social - DO","id":"e6b352de-ecd0-49c7-94de-7787418869bc","idType":"Opaque"},"time":"2025-06-10T21:03:05.427Z","messageId":"d7d58935af65a45e5234ac77de017a0a"},"type":"Text","text":"Hi","originatingEntity":"Human","direction":"Outbound","conversationId":"5d0d331e-d2a8-4fb5-96f7-7021bef2a8ee"}`
	vectorSignature = "sha256=M85PBQF4RA4k+GOAaN2CrdUWUq1c73Q5F4E7E24ArV0="
)

func TestOpenMessagingVector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, x := withTarget(t, genesystest.Config{})
		o := integration()
		o.Secret = secret.New(vectorSecret)
		if _, err := sim.DeliverBody(t.Context(), sim.AddIntegration(o).ID, []byte(vectorBody)); err != nil {
			t.Fatal(err)
		}
		got := x.requests()[0]
		if s := got.header.Get("X-Hub-Signature-256"); s != vectorSignature || got.body != vectorBody {
			t.Errorf("signature %q of %q, want %q", s, got.body, vectorSignature)
		}
	})
}

func TestWebhookEventsAreSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, x := withTarget(t, genesystest.Config{})
		id := sim.AddWebhook(webhook()).ID
		time.Sleep(1234 * time.Millisecond)
		d, err := sim.Deliver(t.Context(), id)
		if err != nil || !d.Accepted || !slices.Equal(d.Attempts, []int{200}) || d.WebhookID != id {
			t.Fatalf("Deliver = %+v, %v, want one accepted attempt", d, err)
		}
		got := x.requests()[0]
		if s := got.header.Get("X-Genesys-Signature"); s != sign(key, got.body) {
			t.Errorf("signature %q, want %q", s, sign(key, got.body))
		}
		if at := got.header.Get("X-Genesys-Timestamp"); at != strconv.FormatInt(time.Now().UnixMilli(), 10) {
			t.Errorf("timestamp %q, want now in milliseconds", at)
		}
		var body struct{ ID, Event, WebhookID string }
		if err := json.Unmarshal([]byte(got.body), &body); err != nil || body.ID != d.EventID || body.Event != "conversation.start" || body.WebhookID != id {
			t.Errorf("body %s, %v, want the event %s", got.body, err, d.EventID)
		}
	})
}

func TestOpenMessagingEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, x := withTarget(t, genesystest.Config{})
		o := integration()
		o.WebhookHeaders = map[string]string{"X-Tenant": "blue"}
		if _, err := sim.Deliver(t.Context(), sim.AddIntegration(o).ID); err != nil {
			t.Fatal(err)
		}
		got := x.requests()[0]
		var body struct {
			Channel struct{ Time string }
		}
		if err := json.Unmarshal([]byte(got.body), &body); err != nil || body.Channel.Time != "2000-01-01T00:00:00.000Z" {
			t.Errorf("channel.time %q, %v, want the bubble's clock", body.Channel.Time, err)
		}
		if len(got.body) < 450 || len(got.body) > 800 || got.header.Get("X-Tenant") != "blue" || got.header.Get("X-Genesys-Timestamp") != "" {
			t.Errorf("%d bytes, header %v, want the documented form", len(got.body), got.header)
		}
		if s := got.header.Get("X-Hub-Signature-256"); s != "sha256="+sign(key, got.body) {
			t.Errorf("signature %q, want that of the body", s)
		}
	})
}

// TestRetryPolicy shows what a target gets to see of one event: the same bytes, the policy's delay apart.
func TestRetryPolicy(t *testing.T) {
	for _, c := range []struct {
		name     string
		script   []int
		messages bool // Open Messaging: 5 retries, 5 s apart, instead of 3, 7 s apart
		attempts []int
		took     time.Duration
	}{
		{"accepted", nil, false, []int{200}, 0},
		{"204", []int{204}, false, []int{204}, 0},
		{"503, then accepted", []int{503}, false, []int{503, 200}, 7 * time.Second},
		{"429, then 500", []int{429, 500}, false, []int{429, 500, 200}, 14 * time.Second},
		{"time-out", []int{-60}, false, []int{0, 200}, 17 * time.Second},
		{"just in time", []int{-9}, false, []int{200}, 9 * time.Second},
		{"never", []int{500, 500, 500, 500, 500}, false, []int{500, 500, 500, 500}, 21 * time.Second},
		{"400", []int{400}, false, []int{400}, 0},
		{"404", []int{404}, false, []int{404}, 0},
		{"redirect", []int{307}, false, []int{307}, 0},
		{"Open Messaging, never", []int{503, 503, 503, 503, 503, 503, 503}, true, []int{503, 503, 503, 503, 503, 503}, 25 * time.Second},
		{"Open Messaging, silent", []int{-60, -60, -60, -60, -60, -60}, true, []int{0, 0, 0, 0, 0, 0}, 85 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim, x := withTarget(t, genesystest.Config{}, c.script...)
				id := sim.AddWebhook(webhook()).ID
				if c.messages {
					id = sim.AddIntegration(integration()).ID
				}
				start := time.Now()
				d, err := sim.Deliver(t.Context(), id)
				if took := time.Since(start); err != nil || !slices.Equal(d.Attempts, c.attempts) || took != c.took {
					t.Errorf("Deliver = %+v, %v after %v, want %v after %v", d, err, took, c.attempts, c.took)
				}
				for _, r := range x.requests() {
					first := x.requests()[0]
					if r.body != first.body || !sameHeader(r.header, first.header) {
						t.Errorf("an attempt had other bytes: %v", r)
					}
				}
				last := c.attempts[len(c.attempts)-1]
				checkDeliveries(t, sim, len(c.attempts), last/100 == 2)
			})
		})
	}
}

func sameHeader(a, b http.Header) bool {
	for _, name := range []string{"X-Genesys-Signature", "X-Genesys-Timestamp", "X-Hub-Signature-256", "Content-Type"} {
		if !slices.Equal(a[name], b[name]) {
			return false
		}
	}
	return true
}

func checkDeliveries(t *testing.T, sim *genesystest.Simulator, attempts int, accepted bool) {
	t.Helper()
	d, sum := sim.State().Deliveries, 0
	for _, n := range d.Attempts {
		sum += n
	}
	if d.Events != 1 || sum != attempts || (d.Accepted == 1) != accepted || d.Accepted+d.GivenUp != 1 {
		t.Errorf("deliveries %+v, want one event, %d attempts, accepted: %v", d, attempts, accepted)
	}
}

func TestOnlyActiveWebhooksSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, x := withTarget(t, genesystest.Config{CompletionPolls: 1})
		client := clientOf(t, sim)
		off := webhook()
		off.Enabled = false
		o, err := client.CreateIntegration(t.Context(), integration())
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{sim.AddWebhook(off).ID, o.ID, "unknown"} {
			if _, err := sim.Deliver(t.Context(), id); !errors.Is(err, genesystest.ErrInactive) {
				t.Errorf("Deliver(%s) = %v, want inactive", id, err)
			}
		}
		if _, err := client.WaitIntegration(t.Context(), o.ID); err != nil {
			t.Error(err)
		}
		if _, err := sim.Deliver(t.Context(), o.ID); err != nil || len(x.requests()) != 1 {
			t.Errorf("Deliver = %v after %d requests, want one", err, len(x.requests()))
		}
	})
}

// TestSocketsAndTLS runs over real sockets: the client against the simulator, which delivers to a target with a
// certificate of its own.
func TestSocketsAndTLS(t *testing.T) {
	x := &target{}
	receiver := httptest.NewTLSServer(x)
	defer receiver.Close()
	sim := genesystest.New(genesystest.Config{TargetClient: receiver.Client()})
	client, err := genesys.New(sim.ClientConfig(sim.Start(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	w := webhook()
	w.URI, w.Enabled = receiver.URL, false
	w, err = client.CreateWebhook(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	result, err := client.TestWebhook(t.Context(), w.ID)
	if err != nil || !result.Succeeded() {
		t.Fatalf("TestWebhook = %+v, %v, want success", result, err)
	}
	w.Enabled, w.Security.SecretKey = true, secret.New(key)
	if _, err := client.UpdateWebhook(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if d, err := sim.Deliver(t.Context(), w.ID); err != nil || !d.Accepted {
		t.Errorf("Deliver = %+v, %v, want it accepted", d, err)
	}
	for _, r := range x.requests() {
		if signatureOf(r) != "good" || !strings.Contains(r.body, w.ID) {
			t.Errorf("request %v, want it signed", r)
		}
	}
	sim.Inject(genesystest.Fault{Op: "GetWebhook", Kind: genesystest.Reset})
	if _, err := client.GetWebhook(t.Context(), w.ID); err != nil {
		t.Errorf("GetWebhook after a reset = %v, want it repeated", err)
	}
}
