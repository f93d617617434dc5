package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
)

// precious is a body that must not be readable in the server's files.
const precious = `{"from":"a customer","text":"precious"}`

// setKey sets a key as README.md says: in quotes, so that the server does not take it for a number.
func setKey(t *testing.T, name, key string) {
	t.Helper()
	t.Setenv(name, strconv.Quote(key))
}

// newEncrypted is newAccounts with the lines about encryption that the configuration has as comments.
func newEncrypted(t *testing.T, key string) *accounts {
	t.Helper()
	setKey(t, "NATS_STORE_KEY", key)
	a := newAccounts(t)
	a.configure("cipher", "key")
	return a
}

// stream returns a stream, as the admin sees it.
func (a *accounts) stream(name string) (jetstream.Stream, error) {
	a.t.Helper()
	js, err := jetstream.New(a.connect("admin"))
	if err != nil {
		a.t.Fatal(err)
	}
	return js.Stream(a.t.Context(), name)
}

// first returns the first body of UNVERIFIED.
func (a *accounts) first() string {
	a.t.Helper()
	s, err := a.stream(bus.StreamUnverified)
	if err != nil {
		a.t.Fatal(err)
	}
	m, err := s.GetMsg(a.t.Context(), 1)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(m.Data)
}

// files returns what the server has stored. A running one may replace files meanwhile.
func files(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(os.Getenv("NATS_STORE_DIR"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var b []byte
			if b, err = os.ReadFile(path); err == nil {
				found[path] = string(b)
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// legible reports whether the body can be read in what the server has stored.
func legible(t *testing.T) bool {
	t.Helper()
	for _, content := range files(t) {
		if strings.Contains(content, precious) {
			return true
		}
	}
	return false
}

// TestEncryptionAtRest looks for a body in the files of the server, with and without encryption, and changes the key.
func TestEncryptionAtRest(t *testing.T) {
	store := func(t *testing.T, a *accounts) {
		stop := a.serve(nil)
		a.setup()
		if _, err := a.js.Publish(t.Context(), "unverified.genesys", []byte(precious)); err != nil {
			t.Fatal(err)
		}
		stop()
	}
	t.Run("without it the body is readable", func(t *testing.T) {
		store(t, newAccounts(t))
		if !legible(t) {
			t.Error("the body is not in the files; the test looks in the wrong place")
		}
	})
	t.Run("it can be switched on afterwards", func(t *testing.T) {
		setKey(t, "NATS_STORE_KEY", "a late key")
		a := newAccounts(t)
		store(t, a)
		a.configure("cipher", "key")
		stop := a.serve(nil)
		if got := a.first(); got != precious {
			t.Errorf("the body is %q", got)
		}
		stop()
		if legible(t) {
			t.Error("the body is still readable in the server's files")
		}
	})
	t.Run("with it the body is not", func(t *testing.T) {
		a := newEncrypted(t, "the first key")
		store(t, a)
		if legible(t) {
			t.Error("the body is readable in the server's files")
		}
		for _, change := range []struct {
			what, key, before string
			settings          []string
		}{
			{"a new key", "the second key", "the first key", []string{"cipher", "key", "prev_encryption_key"}},
			{"the new key alone", "the second key", "", []string{"cipher", "key"}},
		} {
			a.configure(change.settings...)
			setKey(t, "NATS_STORE_KEY", change.key)
			setKey(t, "NATS_STORE_KEY_BEFORE", change.before)
			stop := a.serve(nil)
			if got := a.first(); got != precious {
				t.Errorf("with %s the body is %q", change.what, got)
			}
			stop()
			if legible(t) {
				t.Errorf("with %s the body is readable in the server's files", change.what)
			}
		}
	})
}

// TestWrongKey starts the server with a key that is not the one of its files. Neither setup nor all may make a stream then, which
// would delete the one that is there: with the right key everything is as it was.
func TestWrongKey(t *testing.T) {
	a := newEncrypted(t, "the right key")
	stop := a.serve(nil)
	a.setup()
	if _, err := a.js.Publish(t.Context(), "unverified.genesys", []byte(precious)); err != nil {
		t.Fatal(err)
	}
	stop()

	setKey(t, "NATS_STORE_KEY", "another key")
	stop = a.serve(nil)
	if _, err := a.stream(bus.StreamUnverified); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatalf("the server with another key shows the stream (%v); the test needs one that does not", err)
	}
	before := blocks(t)
	for name, run := range map[string]func() error{
		"setup": func() error { return (&setupCmd{natsFlags: a.flags("admin", "")}).Run(t.Context(), a.process()) },
		"all":   func() error { return (&allCmd{natsFlags: a.flags("admin", "")}).Run(t.Context(), a.process()) },
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), "stream "+bus.StreamUnverified) || !strings.Contains(err.Error(), "did not recover") {
			t.Errorf("%s with a wrong key = %v, want a refusal that names the stream", name, err)
		}
	}
	if after := blocks(t); !maps.Equal(before, after) {
		t.Errorf("the streams' files are %d, were %d, or differ", len(after), len(before))
	}
	stop()

	setKey(t, "NATS_STORE_KEY", "the right key")
	a.serve(nil)
	if got := a.first(); got != precious {
		t.Errorf("with the right key again the body is %q", got)
	}
	if err := (&setupCmd{natsFlags: a.flags("admin", "")}).Run(t.Context(), a.process()); err != nil {
		t.Errorf("setup with the right key = %v", err)
	}
}

// blocks returns the files that hold messages.
func blocks(t *testing.T) map[string]string {
	t.Helper()
	found := files(t)
	maps.DeleteFunc(found, func(path, _ string) bool { return filepath.Ext(path) != ".blk" })
	if len(found) == 0 {
		t.Fatal("there are no message blocks")
	}
	return found
}
