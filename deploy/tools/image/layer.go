package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// Paths in the image, without the first slash.
const (
	dataDir = "var/lib/hookproof"
	caFile  = "etc/ssl/certs/ca-certificates.crt"
	zoneDir = "usr/share/zoneinfo"
)

const uid = 65532

// baseLayer returns the only layer below the binary's. Names are sorted and every time is zero, so that equal inputs give
// equal digests.
func baseLayer(zones []byte) (v1.Layer, error) {
	files, err := zoneFiles(zones)
	if err != nil {
		return nil, fmt.Errorf("zoneinfo.zip: %w", err)
	}
	files[caFile] = authorities()
	files["etc/passwd"] = fmt.Appendf(nil, "root:x:0:0:root:/:/sbin/nologin\nhookproof:x:%d:%d:hookproof:/%s:/sbin/nologin\n", uid, uid, dataDir)
	files["etc/group"] = fmt.Appendf(nil, "root:x:0:\nhookproof:x:%d:\n", uid)
	b, err := tarOf(files)
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
		tarball.WithMediaType(types.OCILayer))
}

// authorities returns Mozilla's certificate authorities. Those that Mozilla trusts in part only are left out, because a PEM
// file cannot say in which part.
func authorities() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return b.Bytes()
}

// zoneFiles unpacks Go's time zones.
func zoneFiles(zones []byte) (map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(zones), int64(len(zones)))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		files[path.Join(zoneDir, f.Name)] = content
	}
	return files, nil
}

// tarOf returns an archive of files, which all may read, of the directories that they need, of the data directory, which is
// the user's alone, and of /tmp.
func tarOf(files map[string][]byte) ([]byte, error) {
	entries := map[string]tar.Header{
		dataDir: {Mode: 0o700, Uid: uid, Gid: uid, Typeflag: tar.TypeDir},
		"tmp":   {Mode: 0o1777, Typeflag: tar.TypeDir},
	}
	for name, content := range files {
		entries[name] = tar.Header{Mode: 0o444, Size: int64(len(content)), Typeflag: tar.TypeReg}
	}
	for _, name := range slices.Collect(maps.Keys(entries)) {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, made := entries[dir]; !made {
				entries[dir] = tar.Header{Mode: 0o755, Typeflag: tar.TypeDir}
			}
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		h := entries[name]
		if h.Name = name; h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}
