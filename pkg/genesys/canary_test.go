package genesys_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
)

// The canaries have characters that every encoding writes in its own way.
const (
	canaryClient  = `client"canary\<&>/+%é `
	canaryWebhook = `webhook"canary\<&>/+%é `
)

// TestSecretsNeverShow lets a server repeat in its errors everything that it was sent, header and body, and looks for the
// canaries in what comes out: errors, log, spans.
func TestSecretsNeverShow(t *testing.T) {
	for _, path := range []string{"/oauth/token", "/api/"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := genesystest.New(genesystest.Config{Clients: []genesystest.OAuthClient{{ID: "id", Secret: secret.New(canaryClient)}}})
				srv := genesystest.ServeInMemory(t, parrot(path, sim))
				config := sim.ClientConfig(srv)
				spans := tracetest.NewSpanRecorder()
				config.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
				var log bytes.Buffer
				client, err := genesys.New(config, slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
				if err != nil {
					t.Fatal(err)
				}
				out := log.String() + everything(t, client) + fmt.Sprintf("%+v %#v", client, config)
				for _, s := range spans.Ended() {
					out += fmt.Sprint(s.Name(), s.Attributes(), s.Status(), s.Events())
				}
				check(t, log.String()+out)
			})
		})
	}
}

// parrot answers 500 with all that it was sent, or lets the simulator answer other paths.
func parrot(path string, sim http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, path) {
			sim.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, password, _ := r.BasicAuth()
		var sent map[string]any
		_ = json.Unmarshal(body, &sent)
		said := fmt.Sprint(r.Header["Authorization"], password, sent, string(body), hex.EncodeToString([]byte(canaryWebhook)), url.QueryEscape(canaryWebhook))
		w.Header().Set("ININ-Correlation-Id", fmt.Sprint(r.Header["Authorization"]))
		w.WriteHeader(http.StatusInternalServerError)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"code": said[:min(90, len(said))], "message": said, "error": said, "error_description": said,
			"details": []any{map[string]string{"errorCode": canaryWebhook, "fieldName": canaryClient}},
		})
	})
}

// everything calls what carries secrets and returns every form of the errors.
func everything(t *testing.T, c *genesys.Client) string {
	h, o := webhook(), integration()
	h.ID, o.ID = "some-id", "some-id"
	h.Security.SecretKey, o.Secret = secret.New(canaryWebhook), secret.New(canaryWebhook)
	var out strings.Builder
	for _, err := range []error{
		second(c.CreateWebhook(t.Context(), h)), second(c.UpdateWebhook(t.Context(), h)),
		second(c.CreateIntegration(t.Context(), o)), second(c.UpdateIntegration(t.Context(), o)),
	} {
		if err == nil {
			t.Fatal("no error")
		}
		b, _ := json.Marshal(err)
		fmt.Fprintf(&out, "%v %+v %#v %s\n", err, err, err, b)
	}
	return out.String()
}

func check(t *testing.T, out string) {
	t.Helper()
	for _, canary := range []string{canaryClient, canaryWebhook} {
		quoted, _ := json.Marshal(canary)
		for _, spelling := range []string{
			canary, canary[:13], url.QueryEscape(canary), url.PathEscape(canary), string(quoted[1 : len(quoted)-1]),
			base64.StdEncoding.EncodeToString([]byte(canary))[:20], hex.EncodeToString([]byte(canary)),
		} {
			if strings.Contains(out, spelling) {
				t.Errorf("%q shows in %s", spelling, out)
			}
		}
	}
	basic := base64.StdEncoding.EncodeToString([]byte("id:" + url.QueryEscape(canaryClient)))
	if strings.Contains(out, basic) {
		t.Error("the Basic credentials show")
	}
}
