package genesys_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
)

var update = flag.Bool("update", false, "write the recorded exchanges anew")

// TestExchanges compares each API call, as it goes over the wire, with the recorded one in testdata. Credentials and
// secrets are placeholders there.
func TestExchanges(t *testing.T) {
	for _, c := range []struct {
		op   string
		call func(context.Context, world) error
	}{
		{"CreateWebhook", func(ctx context.Context, w world) error {
			_, err := w.client.CreateWebhook(ctx, webhook())
			return err
		}},
		{"GetWebhook", func(ctx context.Context, w world) error {
			_, err := w.client.GetWebhook(ctx, w.sim.AddWebhook(webhook()).ID)
			return err
		}},
		{"UpdateWebhook", func(ctx context.Context, w world) error {
			h := w.sim.AddWebhook(webhook())
			h.Enabled, h.Security.RateLimit = true, genesys.RateLimit{}
			_, err := w.client.UpdateWebhook(ctx, h)
			return err
		}},
		{"TestWebhook", func(ctx context.Context, w world) error {
			_, err := w.client.TestWebhook(ctx, w.sim.AddWebhook(webhook()).ID)
			return err
		}},
		{"DeleteWebhook", func(ctx context.Context, w world) error {
			return w.client.DeleteWebhook(ctx, w.sim.AddWebhook(webhook()).ID)
		}},
		{"ListWebhooks", func(ctx context.Context, w world) error {
			w.sim.AddWebhook(webhook())
			_, err := w.client.ListWebhooks(ctx)
			return err
		}},
		{"CreateIntegration", func(ctx context.Context, w world) error {
			_, err := w.client.CreateIntegration(ctx, integration())
			return err
		}},
		{"GetIntegration", func(ctx context.Context, w world) error {
			_, err := w.client.GetIntegration(ctx, w.sim.AddIntegration(integration()).ID)
			return err
		}},
		{"UpdateIntegration", func(ctx context.Context, w world) error {
			_, err := w.client.UpdateIntegration(ctx, genesys.OpenMessaging{
				ID: w.sim.AddIntegration(integration()).ID, Secret: secret.New("an integration's next secret"),
			})
			return err
		}},
		{"DeleteIntegration", func(ctx context.Context, w world) error {
			return w.client.DeleteIntegration(ctx, w.sim.AddIntegration(integration()).ID)
		}},
		{"ListIntegrations", func(ctx context.Context, w world) error {
			w.sim.AddIntegration(integration())
			_, err := w.client.ListIntegrations(ctx)
			return err
		}},
		{"IPRanges", func(ctx context.Context, w world) error {
			_, err := w.client.IPRanges(ctx, genesys.ServiceOpenMessaging)
			return err
		}},
	} {
		t.Run(c.op, func(t *testing.T) {
			rec := &recorder{}
			cfg := genesystest.Config{TargetClient: &http.Client{Transport: accepting{}}}
			inWorld(t, cfg, rec.tap, func(t *testing.T, w world) {
				if err := c.call(t.Context(), w); err != nil {
					t.Fatal(err)
				}
			})
			compare(t, "Token", rec.exchanges[0])
			compare(t, c.op, rec.exchanges[1])
		})
	}
}

func compare(t *testing.T, op, got string) {
	t.Helper()
	path := filepath.Join("testdata", op+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the exchange differs from %s:\n%s", path, got)
	}
}

// recorder is a transport that writes down what passes.
type recorder struct {
	next      http.RoundTripper
	exchanges []string
}

// tap puts the recorder before a client's transport.
func (r *recorder) tap(cfg *genesys.Config) {
	r.next = cfg.HTTPClient.Transport
	cfg.HTTPClient = &http.Client{Transport: r}
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", req.Method, req.URL.RequestURI())
	writeHeader(&b, req.Header)
	if req.Body != nil {
		sent, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(sent))
		writeBody(&b, sent)
	}
	res, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	received, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(received))
	fmt.Fprintf(&b, "\n---\n\n%s\n", res.Status)
	writeHeader(&b, res.Header)
	writeBody(&b, received)
	r.exchanges = append(r.exchanges, b.String())
	return res, nil
}

func writeHeader(b *strings.Builder, h http.Header) {
	var lines []string
	for name, values := range h {
		value := strings.Join(values, ", ")
		switch name {
		case "Date", "Content-Length", "Inin-Correlation-Id": // they say nothing about the API
			continue
		case "Authorization":
			value, _, _ = strings.Cut(value, " ")
			value += " [secret]"
		}
		lines = append(lines, name+": "+value+"\n")
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
}

// writeBody writes JSON indented, with placeholders for what is secret, and anything else as it is.
func writeBody(b *strings.Builder, body []byte) {
	if len(body) == 0 {
		return
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		fmt.Fprintf(b, "\n%s\n", body)
		return
	}
	hide(v)
	pretty, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(b, "\n%s\n", pretty)
}

func hide(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			switch name {
			case "secretKey", "outboundNotificationWebhookSignatureSecretToken", "access_token":
				v[name] = "[secret]"
			}
			hide(inner)
		}
	case []any:
		for _, inner := range v {
			hide(inner)
		}
	}
}
