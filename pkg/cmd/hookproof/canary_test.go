package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/telemetry/telemetrytest"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// needle is a text that must not be found, in the forms that it may have.
type needle struct {
	name  string
	forms []string
}

// newNeedle writes a secret in each form that a log, a span or a message might hold it in. Of base64, which depends on what
// stands before, it takes the part that is the same at each of the three alignments.
func newNeedle(name, text string) needle {
	quoted, _ := json.Marshal(text) // a text never fails
	n := needle{name, []string{text, strings.Trim(string(quoted), `"`), url.QueryEscape(text), url.PathEscape(text), hex.EncodeToString([]byte(text))}}
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for lead := range 3 {
			whole := e.EncodeToString(append(make([]byte, lead), text...))
			n.forms = append(n.forms, whole[4:len(whole)-4])
		}
	}
	return n
}

// search fails the test where a text holds one of the needles. An empty text is one that nobody looked at.
func search(t *testing.T, needles []needle, where, text string) {
	t.Helper()
	if text == "" {
		t.Errorf("%s is empty: nothing was searched", where)
	}
	lower := strings.ToLower(text)
	for _, n := range needles {
		for _, form := range n.forms {
			if strings.Contains(lower, strings.ToLower(form)) {
				t.Errorf("the %s is in %s, as %s", n.name, where, form)
			}
		}
	}
}

func TestNeedle(t *testing.T) {
	const text = `Kanari/+"<0123456789>"`
	n := newNeedle("canary", text)
	quoted, _ := json.Marshal(map[string]string{"k": text})
	for _, hidden := range []string{"x" + text, string(quoted), "?k=" + url.QueryEscape(text), fmt.Sprintf("%x", "ab"+text), base64.StdEncoding.EncodeToString([]byte("p" + text)),
		base64.URLEncoding.EncodeToString([]byte("pq" + text + "rs"))} {
		found := false
		for _, form := range n.forms {
			found = found || strings.Contains(hidden, form)
		}
		if !found {
			t.Errorf("not found in %s", hidden)
		}
	}
}

// TestSecretsOfAWholeRun provisions both kinds of webhook, has their events verified and forged ones rejected, meets a few
// faults, and then looks for every secret wherever hookproof wrote anything.
func TestSecretsOfAWholeRun(t *testing.T) {
	const webhookSecret, clientSecret = `Kanari/of+the"webhook<0123456789>`, `Kanari/of+the"client<9876543210>`
	got := telemetrytest.New(t)
	client := genesystest.OAuthClient{ID: "canary", Secret: secret.New(clientSecret)}
	o := newOrganisation(t, bus.Topology{}, genesystest.Config{Clients: []genesystest.OAuthClient{client}, EventRate: 100, ForgeRatio: 0.3}, 0)
	keyFile, seed := newKeyFile(t)
	public, admin := freeAddress(t), freeAddress(t)
	o.url = "http://" + public + "/webhooks/"
	o.env = append(o.env, "GENESYS_CLIENT_ID=canary", "GENESYS_CLIENT_SECRET="+clientSecret, "HOOKPROOF_SECRET_1="+webhookSecret, "WEBHOOK_SECRET=",
		"HOOKPROOF_XKEY_FILE="+keyFile, "HOOKPROOF_LISTEN="+public, "HOOKPROOF_ADMIN_LISTEN="+admin, "HOOKPROOF_LOG_LEVEL=debug",
		"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT="+got.URL, "OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_METRICS_EXPORTER=none")
	var mu sync.Mutex
	var statuses strings.Builder
	stop, err := o.bus.Listen(webhook.StatusRoot+".*", func(m *nats.Msg) { mu.Lock(); statuses.Write(m.Data); mu.Unlock() })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	o.sim.Inject(genesystest.Fault{Op: "CreateWebhook", Kind: genesystest.ServerError, Times: 1})
	o.sim.Inject(genesystest.Fault{Op: "TestWebhook", Kind: genesystest.ExpiredToken, Times: 1})
	all := o.spawn("", "all")
	o.reaches(o.config(o.present(webhook.KindWebhook, 1)), webhook.PhaseLive)
	chat := strings.ReplaceAll(strings.Replace(o.present(webhook.KindOpenMessaging, 1), "env:HOOKPROOF_SECRET_1", "generate", 1), "orders", "chat")
	if _, err := o.bus.Publish(context.Background(), &nats.Msg{Subject: webhook.ConfigRoot + ".chat", Data: []byte(chat)}); err != nil {
		t.Fatal(err)
	}
	o.eventually("chat is there", func() bool { return len(o.sim.State().Integrations) == 1 })
	o.start(o.sim.Run)
	o.eventually("events of every kind", func() bool {
		d := o.sim.State().Deliveries
		return d.Accepted > 100 && len(d.Forged) == len(genesystest.Forgeries())
	})
	needles := []needle{newNeedle("secret of the webhook", webhookSecret), newNeedle("secret of the OAuth client", clientSecret),
		newNeedle("generated secret", o.sim.State().Integrations[0].Secret.Reveal()), newNeedle("key of the pool", seed)}

	for _, path := range []string{"/metrics", "/readyz", "/webhooks/audit/metrics", "/webhooks/audit/log", "/webhooks/audit/log?limit=100"} {
		_, text := get(t, "http://"+admin+path)
		search(t, needles, path, text)
	}
	status := exec.Command(all.cmd.Path, "status", "orders")
	status.Env = all.cmd.Env
	told, err := status.CombinedOutput()
	if err != nil {
		t.Errorf("status: %v", err)
	}
	search(t, needles, "hookproof status", string(told))
	all.stop(t)
	search(t, needles, "the log and the audit lines", all.logs.String())
	search(t, needles, "the spans", fmt.Sprintf("%+v", got.Spans()))
	mu.Lock()
	search(t, needles, "the statuses", statuses.String())
	mu.Unlock()
	for _, stream := range []string{bus.StreamVerified, bus.StreamRejected, bus.StreamConfig, "KV_" + bus.BucketPolicies, "KV_" + bus.BucketRoutes, "KV_" + bus.BucketWebhooks,
		"KV_" + bus.BucketReplaySigned, "KV_" + bus.BucketReplayBody} {
		var text strings.Builder
		err := o.bus.Scan(context.Background(), stream, bus.ScanOptions{Subject: ">"}, func(m bus.Stored) error {
			fmt.Fprintf(&text, "%s %v %s\n", m.Subject, m.Header, m.Data)
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", stream, err)
		}
		search(t, needles, stream, text.String())
	}
}

// newKeyFile makes a pool's key and returns its file and its seed.
func newKeyFile(t *testing.T) (path, seed string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pool.xkey")
	if _, err := secret.LoadOrCreateKey(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, strings.TrimSpace(string(b))
}
