package compose

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// TestStack brings the stack up, configures a webhook as an operator would, sends a genuine event and a forged one, looks
// for their outcomes, and takes it all down again.
func TestStack(t *testing.T) {
	s := newStack(t)
	traces := s.collector()
	for _, role := range []string{"ingress", "verifier", "provisioner"} {
		s.up(role)
	}
	for _, role := range []string{"provisioner", "verifier", "ingress"} {
		s.await("http://"+s.address(role)+":9090/readyz", time.Minute)
	}
	again := s.keys()
	for _, job := range []string{"keys", "pool-key", "admin-token", "certificate", "setup"} { // as a second "up" does
		s.job(job, s.command(job), false)
	}
	if now := s.keys(); now != again {
		t.Error("a second start made other keys")
	}

	token := s.token()
	for _, role := range []string{"verifier", "provisioner"} {
		for given, want := range map[string]int{"": http.StatusUnauthorized, token + "x": http.StatusUnauthorized, token: http.StatusOK} {
			res, err := ask("http://"+s.address(role)+":9090/console", given)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("GET /console of the %s with a token of %d bytes = %s, want %d", role, len(given), res.Status, want)
			}
		}
	}

	apply := s.command("cli", "apply", "-f", "/webhooks/orders.yaml", "--seal-secret")
	apply.Stdin = strings.NewReader(secret)
	if out, err := apply.CombinedOutput(); err != nil {
		s.logs()
		t.Fatalf("apply = %v\n%s", err, out)
	}
	url := "http://" + s.address("ingress") + ":8080/webhooks/orders"
	for _, bad := range [][]string{nil, {"--bad", "signature"}} {
		send := exec.Command(filepath.Join(s.bin, "hookproof"), append([]string{"send", url, "--scheme", "standard-webhooks"}, bad...)...)
		send.Env = []string{"WEBHOOK_SECRET=" + secret}
		if out, err := send.CombinedOutput(); err != nil {
			t.Fatalf("send %q = %v\n%s", bad, err, out)
		}
	}
	s.eventually("one event verified and one rejected", func() bool {
		res, err := ask("http://"+s.address("verifier")+":9090/webhooks/audit/metrics", token)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		var m struct{ VerifiedCount, BlockedCount int }
		return json.NewDecoder(res.Body).Decode(&m) == nil && m.VerifiedCount == 1 && m.BlockedCount == 1
	})
	s.eventually("traces at the collector", func() bool { return traces.Load() > 0 })
	for _, role := range []string{"ingress", "verifier", "provisioner"} {
		if log := s.running[role].log.String(); strings.Contains(log, "a permission is missing") || strings.Contains(log, secret) || strings.Contains(log, token) {
			t.Errorf("%s lacks a permission, or its log holds the secret or the token:\n%s", role, log)
		}
		if err := s.end(role); err != nil {
			t.Errorf("%s ended with %v", role, err)
		}
	}
}

// collector stands where the roles send their traces, and counts them.
func (s *stack) collector() *atomic.Int64 {
	s.t.Helper()
	var n atomic.Int64
	l, err := net.Listen("tcp", s.address("collector")+":4318")
	if err != nil {
		s.t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/traces" {
			n.Add(1)
		}
	})}
	go func() { _ = srv.Serve(l) }()
	s.t.Cleanup(func() { _ = srv.Close() })
	return &n
}

// token returns the admin token, as the page says how to look it up.
func (s *stack) token() string {
	s.t.Helper()
	out, err := s.command("admin-token", "cat /var/lib/hookproof/admin.token").Output()
	token := strings.TrimSpace(string(out))
	if err != nil || len(token) < 16 {
		s.t.Fatalf("a token of %d bytes, %v", len(token), err)
	}
	return token
}

// ask asks an admin listener, with the token unless it is empty.
func ask(url, token string) (*http.Response, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.SetBasicAuth("operator", token)
	}
	return http.DefaultClient.Do(req)
}

// keys returns every key and certificate.
func (s *stack) keys() string {
	s.t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.dir, "volumes", "*keys", "*"))
	if err != nil || len(paths) < 9 {
		s.t.Fatalf("keys: %q, %v", paths, err)
	}
	var all bytes.Buffer
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

func (s *stack) eventually(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.logs()
			s.t.Fatalf("%s: not after a minute", what)
		}
	}
}
