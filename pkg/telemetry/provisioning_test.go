package telemetry_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/telemetry"
)

func TestProvisioning(t *testing.T) {
	tel, err := telemetry.Setup(context.Background(), telemetry.Config{Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	p := telemetry.NewProvisioning(tel.Meter())
	p.Step(context.Background(), "creating", telemetry.StepDone)
	p.Step(context.Background(), "creating", telemetry.StepRetry)
	p.Call("CreateWebhook", 429, errors.New("slow down"), 20*time.Millisecond)
	p.Call("Token", 0, errors.New("no answer"), time.Second)
	p.TokenExpires(time.Unix(1900000000, 0))
	w := httptest.NewRecorder()
	tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`hookproof_provisioning_steps_total{phase="creating",result="done"} 1`,
		`hookproof_provisioning_steps_total{phase="creating",result="retry"} 1`,
		`hookproof_genesys_call_duration_seconds_count{operation="CreateWebhook",status="429"} 1`,
		`hookproof_genesys_call_duration_seconds_count{operation="Token",status="none"} 1`,
		`hookproof_genesys_token_expiry_seconds 1.9e+09`,
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
	var none *telemetry.Provisioning
	none.Step(context.Background(), "creating", telemetry.StepDone)
	none.Call("Token", 200, nil, time.Second)
	none.TokenExpires(time.Now())
}

func TestClip(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"short":             {"a b", "a b"},
		"not UTF-8":         {"a\xffb", "a\uFFFDb"},
		"long":              {strings.Repeat("x", 300), strings.Repeat("x", 256) + "…"},
		"cut in a letter":   {strings.Repeat("x", 255) + "é", strings.Repeat("x", 255) + "…"},
		"nothing but tails": {strings.Repeat("\x80", 300), "\uFFFD…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := telemetry.Clip(c.in); got != c.want {
				t.Errorf("Clip = %q, want %q", got, c.want)
			}
		})
	}
}
