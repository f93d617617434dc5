package jaeger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	jaegerBinary = "bin/jaeger-all-in-one"
	testSecret   = "a secret that only the tests know"
)

// hookproofBinary builds hookproof, once.
var hookproofBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hookproof-jaeger")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hookproof")
	out, err := exec.Command("go", "build", "-C", "../../..", "-o", path, "./pkg/cmd/hookproof").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// address returns an address of loopback that nobody listens on just now.
func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts a program and ends it with the test, by a signal and not at once, so that it can send its last spans.
func start(t *testing.T, env []string, program string, args ...string) {
	t.Helper()
	var logs bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), env...), &logs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s %q:\n%s", program, args, logs.String())
		}
	})
}

// eventually polls for what another process does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after 60 s", what)
		}
	}
}

func answers(url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// startJaeger starts the real Jaeger with its storage in memory, and returns where it takes OTLP over HTTP and queries.
func startJaeger(t *testing.T) (otlp, query string) {
	t.Helper()
	otlp, query = address(t), address(t)
	start(t, []string{"SPAN_STORAGE_TYPE=memory"}, jaegerBinary, "--collector.otlp.http.host-port="+otlp, "--query.http-server.host-port="+query,
		"--collector.otlp.grpc.host-port="+address(t), "--collector.grpc-server.host-port="+address(t), "--collector.http-server.host-port="+address(t),
		"--query.grpc-server.host-port="+address(t), "--admin.http.host-port="+address(t), "--log-level=error")
	eventually(t, "Jaeger ready", func() bool { return answers("http://" + query + "/api/services") })
	return "http://" + otlp, "http://" + query
}

// pool is hookproof in two processes: an ingress of its own, and all that it needs behind it.
type pool struct {
	t       *testing.T
	ingress string // of the ingress, without the webhook
	nats    string
}

// startPool starts hookproof with an exporter to Jaeger and a sampler.
func startPool(t *testing.T, otlp, sampler string) *pool {
	t.Helper()
	program, err := hookproofBinary()
	if err != nil {
		t.Fatal(err)
	}
	p := &pool{t: t, nats: address(t)}
	env := []string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT=" + otlp, "OTEL_METRICS_EXPORTER=none", "OTEL_BSP_SCHEDULE_DELAY=100",
		"OTEL_TRACES_SAMPLER=" + sampler, "WEBHOOK_SECRET=" + testSecret, "ALLOWED_IPS=127.0.0.1", "HOOKPROOF_TRUSTED_PROXIES=127.0.0.1", "HOOKPROOF_AUDIT=off"}
	behind, admin, public := address(t), address(t), address(t)
	start(t, append(env, "HOOKPROOF_DATA_DIR="+t.TempDir(), "HOOKPROOF_NATS_LISTEN="+p.nats, "HOOKPROOF_LISTEN="+address(t), "HOOKPROOF_ADMIN_LISTEN="+behind), program, "all")
	eventually(t, "hookproof all ready", func() bool { return answers("http://" + behind + "/readyz") })
	start(t, append(env, "NATS_URL=nats://"+p.nats, "HOOKPROOF_LISTEN="+public, "HOOKPROOF_ADMIN_LISTEN="+admin), program, "ingress")
	eventually(t, "hookproof ingress ready", func() bool { return answers("http://" + admin + "/readyz") })
	p.ingress = "http://" + public + "/webhooks/"
	return p
}
