package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// serve runs a server until the test ends and returns its address.
func serve(t *testing.T, s *admin.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return l.Addr().String()
}

func get(t *testing.T, address, path, host string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return res.StatusCode, body
}

// TestHosts refuses names that a web page could point at loopback.
func TestHosts(t *testing.T) {
	address := serve(t, admin.New([]string{"hookproof.internal"}, bustest.Log(t)))
	for host, want := range map[string]int{
		address: 200, "localhost": 200, "localhost:9090": 200, "127.0.0.1": 200, "[::1]:9090": 200, "[::1]": 200, "10.0.0.7:9090": 200,
		"hookproof.internal": 200, "hookproof.internal:9090": 200,
		"evil.example.com": 421, "evil.example.com:9090": 421, "localhost.evil.example.com": 421, "127.0.0.1.evil.example.com": 421, "xlocalhost": 421,
	} {
		if got, _ := get(t, address, "/healthz", host); got != want {
			t.Errorf("GET /healthz with the host %q = %d, want %d", host, got, want)
		}
	}
}

// TestReady says which check fails, in words, and does not wait for one that hangs.
func TestReady(t *testing.T) {
	s := admin.New(nil, bustest.Log(t))
	var trouble error
	s.AddCheck(admin.Check{Name: "always", Run: func(context.Context) error { return nil }})
	s.AddCheck(admin.Check{Name: "sometimes", Run: func(context.Context) error { return trouble }})
	address := serve(t, s)
	if status, body := get(t, address, "/readyz", ""); status != 200 || body["status"] != "ready" {
		t.Errorf("GET /readyz = %d %v", status, body)
	}
	trouble = errors.New("the stream VERIFIED is full")
	status, body := get(t, address, "/readyz", "")
	checks, _ := body["checks"].(map[string]any)
	if status != 503 || checks["sometimes"] != trouble.Error() || checks["always"] != "ok" {
		t.Errorf("GET /readyz = %d %v, want 503 and the reason", status, body)
	}
	if status, _ := get(t, address, "/healthz", ""); status != 200 {
		t.Errorf("GET /healthz = %d: the process is alive all the same", status)
	}
}

// TestCheckHasATimeLimit gives checks a context that ends.
func TestCheckHasATimeLimit(t *testing.T) {
	s := admin.New(nil, bustest.Log(t))
	s.AddCheck(admin.Check{Name: "hangs", Run: func(ctx context.Context) error {
		if _, ok := ctx.Deadline(); !ok {
			return errors.New("no deadline")
		}
		<-ctx.Done()
		return ctx.Err()
	}})
	status, body := get(t, serve(t, s), "/readyz", "")
	checks, _ := body["checks"].(map[string]any)
	if status != 503 || checks["hangs"] != context.DeadlineExceeded.Error() {
		t.Errorf("GET /readyz = %d %v", status, body)
	}
}

// TestHandle adds a handler behind the same host check.
func TestHandle(t *testing.T) {
	s := admin.New(nil, bustest.Log(t))
	s.Handle("GET /extra", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		admin.WriteJSON(w, http.StatusTeapot, map[string]time.Duration{"x": 1})
	}))
	address := serve(t, s)
	if status, _ := get(t, address, "/extra", ""); status != http.StatusTeapot {
		t.Errorf("GET /extra = %d", status)
	}
	if status, _ := get(t, address, "/extra", "evil.example.com"); status != http.StatusMisdirectedRequest {
		t.Errorf("GET /extra with a foreign host = %d", status)
	}
}

// TestDetail shows a check's own words while it passes, and its error otherwise.
func TestDetail(t *testing.T) {
	s := admin.New(nil, bustest.Log(t))
	var fault error
	s.AddCheck(admin.Check{Name: "buffer", Run: func(context.Context) error { return fault }, Detail: func(context.Context) string { return "3 wait" }})
	address := serve(t, s)
	for _, c := range []struct {
		fault  error
		status int
		want   string
	}{{nil, 200, "3 wait"}, {errors.New("full"), 503, "full"}} {
		fault = c.fault
		status, body := get(t, address, "/readyz", "localhost")
		if got := body["checks"].(map[string]any)["buffer"]; status != c.status || got != c.want {
			t.Errorf("/readyz = %d %v, want %d %q", status, got, c.status, c.want)
		}
	}
}
