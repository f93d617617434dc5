package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// tool is goreleaser, at the release that the Makefile names too.
const tool = "github.com/goreleaser/goreleaser/v2@v2.14.3"

// TestRelease has goreleaser check its configuration and do everything but publish, and looks into an archive. The same
// commit, built by hand in another directory, is the same binary.
func TestRelease(t *testing.T) {
	dir := clone(t)
	goreleaser(t, dir, "check", "deploy/goreleaser.yaml")
	goreleaser(t, dir, "release", "--config", "deploy/goreleaser.yaml", "--skip=publish,announce", "--parallelism=1")
	dist := filepath.Join(dir, ".hookproof", "dist")
	sums := checksums(t, dist)
	archive := "hookproof_0.1.0_linux_amd64.tar.gz"
	for _, want := range []string{archive, "hookproof_0.1.0_linux_arm64.tar.gz", "hookproof_0.1.0_darwin_arm64.tar.gz", "hookproof_0.1.0_linux_amd64.cdx.json"} {
		if sums[want] == "" {
			t.Errorf("SHA256SUMS does not name %s", want)
		}
	}
	all := unzip(t, filepath.Join(dist, archive))
	for _, want := range []string{"LICENSE", "deploy/systemd/hookproof-verifier.service", "deploy/nats/nats-server.conf", "deploy/runbook.md"} {
		if _, ok := all[want]; !ok {
			t.Errorf("the archive has no %s", want)
		}
	}
	checkBinary(t, all["hookproof"], dir)

	again := clone(t)
	path := filepath.Join(t.TempDir(), "hookproof")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-ldflags", "-s -w", "-o", path, "./pkg/cmd/hookproof")
	cmd.Dir, cmd.Env = again, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(content) != sha256.Sum256(all["hookproof"]) {
		t.Error("the same commit in another directory gave another binary")
	}
}

func goreleaser(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"run", tool}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("goreleaser %q: %v\n%s", args, err, out)
	}
}

// checksums returns what SHA256SUMS says, once it was found to be true.
func checksums(t *testing.T, dist string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dist, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^([0-9a-f]{64})  (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		content, err := os.ReadFile(filepath.Join(dist, m[2]))
		sum := sha256.Sum256(content)
		if err != nil || hex.EncodeToString(sum[:]) != m[1] {
			t.Errorf("%s: %v, or its checksum is another", m[2], err)
		}
		sums[m[2]] = m[1]
	}
	return sums
}

// unzip returns the files of an archive.
func unzip(t *testing.T, path string) map[string][]byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if out[h.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}
