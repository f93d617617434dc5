package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// TestBufferSettings starts an ingress with bad settings of its buffer. Each is named, all at once, and nothing is started.
func TestBufferSettings(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("too short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"no hub, and nothing right": {
			[]string{"--buffer-max-bytes", "1000", "--buffer-sync-interval=-1s", "--buffer-drain", "0s"},
			[]string{"nats-url has to say", "buffer-max-bytes: 1000 is less", "buffer-sync-interval: -1s", "buffer-drain: 0s"},
		},
		"no key file": {[]string{"--nats-url", "nats://127.0.0.1:1", "--buffer-key-file", filepath.Join(dir, "none")}, []string{"buffer-key-file: open"}},
		"a short key": {[]string{"--nats-url", "nats://127.0.0.1:1", "--buffer-key-file", key}, []string{"buffer-key-file: the key has 9 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			buffer := filepath.Join(dir, "buffer")
			var stderr strings.Builder
			code := run(append([]string{"ingress", "--buffer-dir", buffer}, c.args...), strings.NewReader(""), io.Discard, &stderr, onlySecret)
			if code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			for _, want := range c.want {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("%q, want %q in it", stderr.String(), want)
				}
			}
			if strings.Contains(stderr.String(), "too short") {
				t.Error("the key is printed")
			}
			if _, err := os.Stat(buffer); err == nil {
				t.Error("the directory was made")
			}
		})
	}
}

// TestBufferOfAnother starts an ingress on the buffer of one that runs.
func TestBufferOfAnother(t *testing.T) {
	dir := t.TempDir()
	srv, err := bus.StartServer(bus.ServerConfig{Dir: dir}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Shutdown()
	var stderr strings.Builder
	code := run([]string{"ingress", "--buffer-dir", dir, "--nats-url", "nats://127.0.0.1:1"}, strings.NewReader(""), io.Discard, &stderr, onlySecret)
	if code != exitFailed || !strings.Contains(stderr.String(), "in use by another process") {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}
