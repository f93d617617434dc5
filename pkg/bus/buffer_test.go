package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

const bufferBytes = 16 << 20

// openBuffer starts a server as an edge does, and makes its streams unless it is told which error that has to give.
func openBuffer(t *testing.T, cfg bus.ServerConfig, maxBytes int64, wantErr string) (*bus.Bus, func()) {
	t.Helper()
	srv, err := bus.StartServer(cfg, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	b := bustest.Connect(t, srv)
	stop := func() { b.Close(); srv.Shutdown() }
	err = b.SetupBuffer(t.Context(), maxBytes, srv)
	if wantErr == "" && err != nil || wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)) {
		stop()
		t.Fatalf("SetupBuffer = %v, want %q", err, wantErr)
	}
	return b, stop
}

// TestBufferIsLikeUnverified holds BUFFER against UNVERIFIED: whatever is promised of the one has to be true of the other.
func TestBufferIsLikeUnverified(t *testing.T) {
	_, first := bustest.New(t, bus.Topology{})
	unverified := configs(t, native(t, first))[bus.StreamUnverified]
	second := bustest.Start(t)
	b := bustest.Connect(t, second)
	if err := b.SetupBuffer(t.Context(), bufferBytes, second); err != nil {
		t.Fatal(err)
	}
	js := native(t, second)
	before := configs(t, js)
	if len(before) != 5 {
		t.Errorf("SetupBuffer made %d streams and consumers, want 5", len(before))
	}
	for _, field := range []string{"Retention", "Storage", "Discard", "MaxAge", "MaxMsgs", "MaxMsgsPerSubject", "Duplicates", "DenyDelete", "DenyPurge"} {
		for _, stream := range []string{bus.StreamBuffer, bus.StreamRefused} {
			got, want := reflect.ValueOf(before[stream]).FieldByName(field), reflect.ValueOf(unverified).FieldByName(field)
			if !reflect.DeepEqual(got.Interface(), want.Interface()) {
				t.Errorf("%s of %s = %v, want %v", field, stream, got, want)
			}
		}
	}
	if err := b.SetupBuffer(t.Context(), bufferBytes, second); err != nil {
		t.Errorf("a second SetupBuffer = %v", err)
	}
	if after := configs(t, js); !reflect.DeepEqual(after, before) {
		t.Errorf("after a second SetupBuffer %v, were %v", after, before)
	}
}

// TestBufferAnew opens a buffer whose former process died with messages in flight: they come at once, not after the
// acknowledgement wait. A limit below what it holds drops none of them.
func TestBufferAnew(t *testing.T) {
	cfg := bus.ServerConfig{Dir: t.TempDir()}
	b, stop := openBuffer(t, cfg, bufferBytes, "")
	for _, id := range []string{"one", "two", "three"} {
		publish(t, b, "unverified.genesys", id, strings.Repeat("x", 500<<10))
	}
	ctx, cancel := context.WithCancel(t.Context())
	got, ended := make(chan bool), make(chan error)
	go func() {
		ended <- b.Consume(ctx, bus.StreamBuffer, bus.ConsumerForwarder, 3, 0, func(ctx context.Context, d *bus.Delivery) error {
			got <- true
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	for range 3 {
		<-got
	}
	stop() // with all three in flight
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Consume = %v", err)
	}

	b, stop = openBuffer(t, cfg, 1<<20, "")
	defer stop()
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var ids []string
	err := b.Consume(ctx, bus.StreamBuffer, bus.ConsumerForwarder, 1, 0, func(_ context.Context, d *bus.Delivery) error {
		if ids = append(ids, d.Msg.Header.Get("Nats-Msg-Id")); len(ids) == 3 {
			cancel()
		}
		return nil
	})
	if want := []string{"one", "two", "three"}; err != nil || !reflect.DeepEqual(ids, want) {
		t.Errorf("delivered %q, %v, want %q", ids, err, want)
	}
}

// TestBufferKey looks for a body in the files of a buffer. With a key it is in none of them, and without that key the
// buffer is not opened, so that nothing in it is replaced.
func TestBufferKey(t *testing.T) {
	const body = "a body that only the owner of the key may read"
	cfg := bus.ServerConfig{Dir: t.TempDir(), SyncAlways: true}
	b, stop := openBuffer(t, cfg, bufferBytes, "")
	publish(t, b, "unverified.genesys", "one", body)
	stop()
	if !onDisk(t, cfg.Dir, body) {
		t.Fatal("without a key the body is not found: this test cannot see it")
	}

	cfg.Dir, cfg.Key = t.TempDir(), "the key of this buffer, of 32 bytes or more"
	b, stop = openBuffer(t, cfg, bufferBytes, "")
	publish(t, b, "unverified.genesys", "one", body)
	stop()
	if onDisk(t, cfg.Dir, body) {
		t.Error("the body is on the disk in clear")
	}
	for _, key := range []string{"", "another key of this buffer, of 32 bytes or more"} {
		wrong := cfg
		wrong.Key = key
		_, stop = openBuffer(t, wrong, bufferBytes, "did not recover")
		stop()
	}
	b, stop = openBuffer(t, cfg, bufferBytes, "")
	defer stop()
	if m, err := b.Last(t.Context(), bus.StreamBuffer, "unverified.*"); err != nil || string(m.Data) != body {
		t.Errorf("with the key again: %q, %v", m.Data, err)
	}
}

// onDisk looks for a text in every file, and at who may read it.
func onDisk(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, want it readable by its owner only", path, info.Mode())
		}
		if d.IsDir() {
			return nil
		}
		raw, err := os.ReadFile(path)
		found = found || bytes.Contains(raw, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestProbeBuffer errs when there is no room, and its messages are taken out again.
func TestProbeBuffer(t *testing.T) {
	b, stop := openBuffer(t, bus.ServerConfig{Dir: t.TempDir()}, 1024, "")
	defer stop()
	probes := 0
	for ; probes < 100; probes++ {
		if err := b.ProbeBuffer(t.Context()); err != nil {
			if !errors.Is(err, bus.ErrFull) {
				t.Errorf("ProbeBuffer = %v, want ErrFull", err)
			}
			break
		}
	}
	if probes == 0 || probes == 100 {
		t.Fatalf("%d probes fit into 1 KiB", probes)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_ = b.Consume(ctx, bus.StreamBuffer, bus.ConsumerProbe, 1, 0, func(context.Context, *bus.Delivery) error {
		if probes--; probes == 0 {
			cancel()
		}
		return nil
	})
	eventually(t, patience, "they are taken out", func() bool {
		s, err := b.State(t.Context(), bus.StreamBuffer, "")
		return err == nil && s.Messages == 0
	})
	if err := b.ProbeBuffer(t.Context()); probes != 0 || err != nil {
		t.Errorf("%d probes are left, and the next one = %v", probes, err)
	}
}

// TestWait connects to a server that is not there yet, and then does not accept the password for longer than nats.go would
// try by itself.
func TestWait(t *testing.T) {
	l, err := net.Listen("tcp", bustest.Loopback()+":0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	opts := &server.Options{Host: bustest.Loopback(), Port: address.Port, Username: "edge", Password: "another", NoSigs: true, NoLog: true}
	b, err := bus.Connect(bus.Config{URL: "nats://" + address.String(), User: "edge", Password: "right", Wait: true}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.Ready(t.Context()); !errors.Is(err, bus.ErrUnavailable) || b.MaxPayload() != 0 {
		t.Errorf("Ready without a server = %v, MaxPayload = %d", err, b.MaxPayload())
	}
	says := func(what string) {
		t.Helper()
		var said string
		for end := time.Now().Add(20 * time.Second); !strings.Contains(said, what); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("Ready = %q, want %q in it", said, what)
			}
			said = fmt.Sprint(b.Ready(t.Context()))
		}
	}
	says("connection refused")
	srv, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	says("Authorization")
	after := time.Now().Add(3 * time.Second) // five tries: at the second nats.go gives up by default
	for ; time.Now().Before(after); time.Sleep(10 * time.Millisecond) {
		if err := b.Ready(t.Context()); err == nil {
			t.Fatal("Ready with a wrong password = nil")
		}
	}
	right := opts.Clone()
	right.Password = "right"
	if err := srv.ReloadOptions(right); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err = b.Ready(t.Context()); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("Ready with the right password = %v", err)
		}
	}
	if b.MaxPayload() == 0 {
		t.Error("MaxPayload = 0 on a connection")
	}
}
