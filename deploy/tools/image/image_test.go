package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const binary = "/ko-app/hookproof"

// TestImage builds the image and looks at everything that a container of it would be.
func TestImage(t *testing.T) {
	source := clone(t)
	b := buildLayout(t, source)
	images := b.images(t)
	if len(images) != 2 || images["linux/amd64"] == nil || images["linux/arm64"] == nil {
		t.Fatalf("the image is for %d platforms, want linux/amd64 and linux/arm64", len(images))
	}
	for platform, img := range images {
		t.Run(platform, func(t *testing.T) {
			all := files(t, img)
			checkConfig(t, img)
			checkFiles(t, all)
			checkBinary(t, all[binary].content, source)
		})
		t.Run(platform+" contents listed", func(t *testing.T) { checkSBOM(t, b.sbom, strings.ReplaceAll(platform, "/", "-")) })
	}
	t.Run("runs", func(t *testing.T) { checkRuns(t, files(t, images["linux/amd64"])) })
	t.Run("reproducible", func(t *testing.T) {
		again, err := buildLayout(t, clone(t)).index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		if first, err := b.index.Digest(); err != nil || first != again {
			t.Errorf("the same commit in another directory gave %v and %v, %v", first, again, err)
		}
	})
}

func checkConfig(t *testing.T, img v1.Image) {
	t.Helper()
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.Config.User != "65532:65532" {
		t.Errorf("the user is %q, want a number other than 0", c.Config.User)
	}
	if got := strings.Join(c.Config.Entrypoint, " "); got != binary || c.Config.Cmd != nil {
		t.Errorf("entrypoint %q and command %q, want the binary alone", got, c.Config.Cmd)
	}
	for label, want := range map[string]string{"version": version, "licenses": "Apache-2.0", "created": "2026-01-02T03:04:05Z", "title": "hookproof"} {
		if got := c.Config.Labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("label %s = %q, want %q", label, got, want)
		}
	}
	if got := c.Config.Labels["org.opencontainers.image.revision"]; len(got) != 40 {
		t.Errorf("label revision = %q, want a commit", got)
	}
}

// checkFiles wants one program, no shell, nothing that gives rights, and the files that a program on the internet needs.
func checkFiles(t *testing.T, all map[string]file) {
	t.Helper()
	for name, f := range all {
		if f.Typeflag == tar.TypeDir {
			continue
		}
		if f.Mode&0o111 != 0 && name != binary {
			t.Errorf("%s can be executed", name)
		}
		if isShell(name) || f.Mode&0o6000 != 0 || f.Mode&0o022 != 0 {
			t.Errorf("%s, mode %o: a shell, a file that gives rights, or one that others may write", name, f.Mode)
		}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(all["/"+caFile].content) || bytes.Count(all["/"+caFile].content, []byte("BEGIN CERT")) < 100 {
		t.Error("there are no certificate authorities")
	}
	if _, err := time.LoadLocationFromTZData("Europe/Dublin", all["/"+zoneDir+"/Europe/Dublin"].content); err != nil {
		t.Errorf("the time zone Europe/Dublin: %v", err)
	}
	if d := all["/"+dataDir]; d.Uid != uid || d.Mode != 0o700 {
		t.Errorf("the data directory belongs to %d with mode %o", d.Uid, d.Mode)
	}
}

// checkBinary wants a static program that names its version and not where it was built.
func checkBinary(t *testing.T, content []byte, source string) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary has a segment %v: it is not static", p.Type)
		}
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if info.Main.Version != version || settings["-trimpath"] != "true" || settings["CGO_ENABLED"] != "0" || settings["vcs.modified"] != "false" {
		t.Errorf("the binary is of version %q with %v", info.Main.Version, settings)
	}
	if bytes.Contains(content, []byte(source)) {
		t.Errorf("the binary names the directory %s", source)
	}
}

func checkSBOM(t *testing.T, dir, platform string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+platform+"*.spdx.json"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("lists of contents: %v, %v, want one", paths, err)
	}
	content, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		SPDXVersion string
		Packages    []struct{ Name, VersionInfo string }
	}
	if err := json.Unmarshal(content, &list); err != nil || !strings.HasPrefix(list.SPDXVersion, "SPDX-") {
		t.Fatalf("%s: %v, version %q", paths[0], err, list.SPDXVersion)
	}
	for _, p := range list.Packages {
		if p.Name == "github.com/nats-io/nats-server/v2" && p.VersionInfo != "" {
			return
		}
	}
	t.Errorf("%d packages are listed, and nats-server with its version is not among them", len(list.Packages))
}

// TestPush pushes to a registry and finds the same image there.
func TestPush(t *testing.T) {
	srv := httptest.NewServer(registry.New())
	defer srv.Close()
	repo := strings.TrimPrefix(srv.URL, "http://") + "/team/hookproof"
	if err := run(t.Context(), options{source: clone(t), platforms: "linux/amd64", repo: repo, sbom: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(repo + ":" + version)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	checkConfig(t, img)
}

// TestArchive reads back what docker load would.
func TestArchive(t *testing.T) {
	o := options{source: clone(t), platforms: "linux/amd64", archive: filepath.Join(t.TempDir(), "hookproof.tar"), tag: "local", sbom: t.TempDir()}
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("hookproof:local")
	if err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(o.archive, &tag)
	if err != nil {
		t.Fatal(err)
	}
	checkConfig(t, img)
}

// TestRefusesUncommitted changes a checkout: an image that nobody could build again is not built.
func TestRefusesUncommitted(t *testing.T) {
	dir := clone(t)
	if err := os.WriteFile(filepath.Join(dir, "pkg", "more.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(context.Background(), options{source: dir, platforms: "linux/amd64", layout: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "pkg/more.txt") {
		t.Errorf("run on a changed checkout = %v, want an error that names the file", err)
	}
}

func answers(url string) bool {
	res, err := http.Get(url)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}
