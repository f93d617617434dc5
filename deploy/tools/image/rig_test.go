package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

const version = "v0.1.0"

// clone makes a checkout of what there is now, committed and tagged as version, in a directory of its own. Its commit is the
// same wherever it is made.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", ".gitignore", "LICENSE", "README.md", "CHANGELOG.md", "ingress", "verifier", "provisioner", "pkg", "deploy"} {
		copyTo(t, dir, name)
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "-A"}, {"-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "a release"}, {"tag", version}, {"remote", "add", "origin", "https://github.com/hookproof/hookproof.git"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
			"GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.com", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	return dir
}

// copyTo copies a file or directory of the project, but for the tools and keys that lie in deploy.
func copyTo(t *testing.T, dir, name string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join("../../..", name), func(path string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel("../../..", path)
		switch err = errors.Join(err, relErr); {
		case err != nil:
			return err
		case d.IsDir() && rel == filepath.Join("deploy", "tools"):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(dir, rel), 0o700)
		case filepath.Ext(path) == ".nk":
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// built is an image in an OCI layout.
type built struct {
	index v1.ImageIndex // of the layout's only entry
	sbom  string        // directory
}

func buildLayout(t *testing.T, source string) built {
	t.Helper()
	b := built{sbom: t.TempDir()}
	o := options{source: source, platforms: "linux/amd64,linux/arm64", layout: t.TempDir(), sbom: b.sbom}
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	all, err := layout.ImageIndexFromPath(o.layout)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := all.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("the layout holds %d images, %v, want 1", len(manifest.Manifests), err)
	}
	if b.index, err = all.ImageIndex(manifest.Manifests[0].Digest); err != nil {
		t.Fatal(err)
	}
	return b
}

// images returns the image of each platform.
func (b built) images(t *testing.T) map[string]v1.Image {
	t.Helper()
	manifest, err := b.index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]v1.Image{}
	for _, d := range manifest.Manifests {
		if images[d.Platform.String()], err = b.index.Image(d.Digest); err != nil {
			t.Fatal(err)
		}
	}
	return images
}

// file is what a container would see.
type file struct {
	tar.Header
	content []byte
}

// files returns what a container of an image would see, by path.
func files(t *testing.T, img v1.Image) map[string]file {
	t.Helper()
	r := mutate.Extract(img)
	defer r.Close()
	out := map[string]file{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		out["/"+strings.Trim(h.Name, "/")] = file{*h, content}
	}
}

// unpack lays an image's files out below a directory, as a container runtime does; their owner only where it can.
func unpack(t *testing.T, all map[string]file, dir string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f, at := all[name], filepath.Join(dir, name)
		var err error
		switch f.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(at, 0o755)
		case tar.TypeReg:
			if err = os.MkdirAll(filepath.Dir(at), 0o755); err == nil {
				err = os.WriteFile(at, f.content, f.FileInfo().Mode().Perm())
			}
		default:
			t.Errorf("%s is neither a file nor a directory", name)
		}
		if err == nil && os.Geteuid() == 0 {
			err = os.Chown(at, f.Uid, f.Gid)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func isShell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "ash", "dash", "busybox", "toybox"}, filepath.Base(name))
}

func trimmed(b []byte) string { return string(bytes.TrimSpace(b)) }
