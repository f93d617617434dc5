package hostile

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const secret = "a secret that only this test knows"

// server is hookproof all as a process of its own.
type server struct{ url, admin string }

// build builds hookproof.
func build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "hookproof")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./pkg/cmd/hookproof")
	cmd.Dir = "../../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// start starts hookproof all, which ends with the test.
func start(t *testing.T, binary string) *server {
	t.Helper()
	public, admin := freeAddress(t), freeAddress(t)
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, "all")
	cmd.Env = append(os.Environ(), "NATS_URL=", "WEBHOOK_SECRET="+secret, "ALLOWED_IPS=127.0.0.1", "HOOKPROOF_LISTEN="+public,
		"HOOKPROOF_ADMIN_LISTEN="+admin, "HOOKPROOF_NATS_LISTEN=127.0.0.1:0", "HOOKPROOF_DATA_DIR="+t.TempDir(), "HOOKPROOF_AUDIT=off")
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait() // the test's context has ended it
		if t.Failed() {
			t.Logf("hookproof all:\n%s", log.Bytes())
		}
	})
	s := &server{url: "http://" + public + "/webhooks/genesys", admin: "http://" + admin}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(s.url)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusMethodNotAllowed {
				return s
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("hookproof all does not answer after 30 s")
		}
	}
}

var openDescriptors = regexp.MustCompile(`(?m)^process_open_fds (\S+)$`)

// descriptors returns how many file descriptors the server has open: connections, and files of its store.
func (s *server) descriptors(t *testing.T) float64 {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	res, err := http.Get(s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := openDescriptors.FindSubmatch(text)
	if m == nil {
		t.Fatal("no process_open_fds in /metrics")
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// signed returns a genuine request.
func signed(t *testing.T, url string) *http.Request {
	body := strconv.AppendInt(nil, time.Now().UnixNano(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Error(err) // not with this URL
		return nil
	}
	req.Header.Set("X-Genesys-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	req.Header.Set("X-Genesys-Timestamp", strconv.FormatInt(time.Now().UnixMilli(), 10))
	return req
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
