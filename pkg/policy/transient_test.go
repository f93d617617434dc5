package policy_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
)

// TestNewestWithoutDescriptors reads a policy again while this process may open no file. What was read of the same policy
// before has to stay: without it everything would be parked. One whose secret is gone does not stay.
func TestNewestWithoutDescriptors(t *testing.T) {
	dir := t.TempDir()
	file(t, dir, "a secret in a file, long enough")
	s, b, _, _ := idle(t, secret.Resolver{Dir: dir})
	newest := func() *policy.Ring {
		t.Helper()
		r, ok, err := s.Newest(t.Context(), "orders", time.Now())
		if err != nil || !ok {
			t.Fatalf("Newest = %v, %v", ok, err)
		}
		return r
	}
	withoutFiles := func(do func()) {
		t.Helper()
		var before syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
				t.Fatal(err)
			}
		}()
		do()
	}
	// The server of the test is in this process: whatever it has to write is written before.
	put(t, b, sample(t, policy.Secret{Ref: "file:s"}))
	if r := newest(); r.Err != nil || len(r.Keys) != 1 {
		t.Fatalf("Newest: Err = %v, %d keys", r.Err, len(r.Keys))
	}
	second := put(t, b, sample(t, policy.Secret{Ref: "file:s"}))
	withoutFiles(func() {
		if r := newest(); !errors.Is(r.Err, secret.ErrUnresolved) {
			t.Errorf("a newer policy: Err = %v, want ErrUnresolved, since its secrets may be others", r.Err)
		}
	})
	if r := newest(); r.Err != nil || r.Revision != second {
		t.Fatalf("Newest: Err = %v, revision %d", r.Err, r.Revision)
	}
	withoutFiles(func() {
		if r := newest(); r.Err != nil || len(r.Keys) != 1 || r.Revision != second {
			t.Errorf("the same policy again: Err = %v, %d keys, revision %d, want what was read before", r.Err, len(r.Keys), r.Revision)
		}
	})
	if err := os.Remove(filepath.Join(dir, "s")); err != nil {
		t.Fatal(err)
	}
	if r := newest(); !errors.Is(r.Err, secret.ErrUnresolved) {
		t.Errorf("a secret whose file is gone: Err = %v, want ErrUnresolved", r.Err)
	}
}
