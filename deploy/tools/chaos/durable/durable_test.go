package durable_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/durable"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

const (
	messages   = 200
	atOnce     = 16
	production = "../../../nats/nats-server.conf"
)

// programs are what all tests run.
var programs struct{ server, hookproof string }

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "durable")
		if err == nil {
			defer os.RemoveAll(dir)
			err = build(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func build(dir string) (err error) {
	if programs.server, err = cluster.Build(context.Background(), dir); err != nil {
		return err
	}
	programs.hookproof = filepath.Join(dir, "hookproof")
	if out, err := exec.Command("go", "build", "-C", "../../../..", "-o", programs.hookproof, "./pkg/cmd/hookproof").CombinedOutput(); err != nil {
		return fmt.Errorf("build hookproof: %w: %s", err, out)
	}
	return nil
}

// TestProductionSyncs holds that the server of the tests is told to sync as the configuration for production says.
func TestProductionSyncs(t *testing.T) {
	text, err := os.ReadFile(production)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^\s*sync_interval:\s*always\b`).Match(text) {
		t.Errorf("%s does not say sync_interval: always", production)
	}
}

// TestPublish publishes to a server alone. The same without an fsync for each acknowledgement has to be seen as such, or the
// trace proves nothing.
func TestPublish(t *testing.T) {
	for _, c := range []struct {
		name string
		sync bool
	}{{"always", true}, {"every 2 minutes", false}} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "trace")
			s, err := cluster.Start(within(t), cluster.Options{Dir: dir, Server: programs.server, SyncAlways: c.sync,
				Wrap: func(int) []string { return durable.Strace(path) }})
			if err != nil {
				t.Fatal(err)
			}
			publish(t, s.URL())
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			got := read(t, path, "S")
			if got.Acks != messages {
				t.Errorf("%d acknowledgements seen, want one a message, %d", got.Acks, messages)
			}
			if c.sync && len(got.Early) > 0 {
				t.Errorf("%d acknowledged early:\n%s", len(got.Early), strings.Join(got.Early[:min(5, len(got.Early))], "\n"))
			}
			if !c.sync && len(got.Early) < messages/2 {
				t.Errorf("%d of %d seen as acknowledged early, want most: the trace does not tell", len(got.Early), messages)
			}
		})
	}
}

// publish stores messages, many at once.
func publish(t *testing.T, url string) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	parallel(t, func(i int) error {
		_, err := js.Publish(within(t), "s", []byte(durable.Marker(i)))
		return err
	})
}

// TestIngress posts requests to the ingress of a whole pipeline. What was answered with 200, and the outcome of it, was on the
// disk when the server acknowledged it.
func TestIngress(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "trace")
	d, err := target.Start(within(t), target.Options{Dir: dir, Hookproof: programs.hookproof, NATSServer: programs.server, SyncAlways: true,
		Wrap: func(int) []string { return durable.Strace(path) }}, history.NewRecorder(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	url := d.URL.JoinPath("webhooks", d.Webhooks[0].Name).String()
	parallel(t, func(i int) error {
		res, err := http.Post(url, "text/plain", strings.NewReader(durable.Marker(i)))
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("request %d: %s", i, res.Status)
		}
		return nil
	})
	if err := d.Admin.Drained(within(t)); err != nil {
		t.Fatal(err)
	}
	d.Close()
	for _, stream := range []string{target.Unverified, target.Rejected} {
		if got := read(t, path, stream); len(got.Early) > 0 {
			t.Errorf("%s: %d acknowledged early:\n%s", stream, len(got.Early), strings.Join(got.Early[:min(5, len(got.Early))], "\n"))
		}
	}
}

// read reads a trace, in which each message has to be found, and acknowledged.
func read(t *testing.T, path, stream string) durable.Trace {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := durable.Read(f, stream)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d messages written, %d fsyncs, %d acknowledgements for %d messages, %d of them early", stream, got.Messages, got.Syncs, got.Acks, got.Acked, len(got.Early))
	if got.Messages != messages || got.Acked != messages {
		t.Fatalf("%s: the trace has %d messages, of which %d acknowledged, want %d", stream, got.Messages, got.Acked, messages)
	}
	return got
}

func parallel(t *testing.T, do func(i int) error) {
	t.Helper()
	slots, errs := make(chan struct{}, atOnce), make(chan error, messages)
	for i := range messages {
		slots <- struct{}{}
		go func() {
			errs <- do(i)
			<-slots
		}()
	}
	for range messages {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
