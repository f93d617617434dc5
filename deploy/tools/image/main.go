package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/ko/pkg/build"
	"github.com/google/ko/pkg/publish"
)

const importPath = "github.com/hookproof/hookproof/pkg/cmd/hookproof"

// options are the flags.
type options struct {
	source    string
	platforms string
	layout    string
	archive   string
	repo      string
	tag       string
	sbom      string
}

func main() {
	var o options
	flag.StringVar(&o.source, "source", "../../..", "the checkout to build from; the version is what git says of it")
	flag.StringVar(&o.platforms, "platforms", "linux/amd64,linux/arm64", "platforms, comma-separated")
	flag.StringVar(&o.layout, "layout", "", "write an OCI layout into this directory")
	flag.StringVar(&o.archive, "archive", "", "write a file for docker load, podman load and kind load; of one platform")
	flag.StringVar(&o.repo, "push", "", "push to this repository, such as registry.example.com/hookproof, as docker login lets you")
	flag.StringVar(&o.tag, "tag", "", "tag of what is pushed or archived; default: the version")
	flag.StringVar(&o.sbom, "sbom", "", "write an SPDX list of what each image holds into this directory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		stop()
		os.Exit(1)
	}
}

// run builds the image and hands it on. The digest is all that it prints on standard output.
func run(ctx context.Context, o options) error {
	if len(strings.Fields(o.layout+" "+o.archive+" "+o.repo)) != 1 {
		return errors.New("one of -layout, -archive and -push says where the image goes")
	}
	s, err := readSource(ctx, o.source)
	if err != nil {
		return err
	}
	builder, err := newBuilder(ctx, o, s)
	if err != nil {
		return err
	}
	result, err := builder.Build(ctx, build.StrictScheme+importPath)
	if err != nil {
		return err
	}
	if o.tag == "" {
		o.tag = s.version
	}
	switch {
	case o.layout != "":
		return writeLayout(o.layout, result)
	case o.archive != "":
		return writeArchive(o.archive, o.tag, result)
	}
	return o.push(ctx, result)
}

// writeArchive writes an image as docker save does, named hookproof and the tag.
func writeArchive(path, tag string, result build.Result) error {
	img, ok := result.(v1.Image)
	if !ok {
		return errors.New("an archive holds the image of one platform: name one with -platforms")
	}
	ref, err := name.NewTag("hookproof:" + tag)
	if err != nil {
		return err
	}
	fmt.Println(ref)
	return tarball.WriteToFile(path, ref, img)
}

// writeLayout adds the image to an OCI layout, which is made where there is none.
func writeLayout(dir string, result build.Result) error {
	l, err := layout.FromPath(dir)
	if err != nil {
		if l, err = layout.Write(dir, empty.Index); err != nil {
			return err
		}
	}
	digest, err := result.Digest()
	if err != nil {
		return err
	}
	fmt.Println(digest)
	switch image := result.(type) {
	case v1.ImageIndex: // of several platforms
		return l.AppendIndex(image)
	case v1.Image:
		return l.AppendImage(image)
	}
	return fmt.Errorf("ko built a %T", result)
}

// push pushes the image, and the lists of what it holds beside it.
func (o options) push(ctx context.Context, result build.Result) error {
	to, err := publish.NewDefault(o.repo, publish.WithTags([]string{o.tag}), publish.WithAuthFromKeychain(authn.DefaultKeychain),
		publish.WithNamer(func(repo, _ string) string { return repo }))
	if err != nil {
		return err
	}
	ref, err := to.Publish(ctx, result, build.StrictScheme+importPath)
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	fmt.Println(ref)
	return nil
}

func newBuilder(ctx context.Context, o options, s source) (build.Interface, error) {
	var platforms []v1.Platform
	for text := range strings.SplitSeq(o.platforms, ",") {
		p, err := v1.ParsePlatform(text)
		if err != nil {
			return nil, fmt.Errorf("platforms: %w", err)
		}
		platforms = append(platforms, *p)
	}
	index, err := base(platforms, s.zones)
	if err != nil {
		return nil, err
	}
	under := func(context.Context, string) (name.Reference, build.Result, error) {
		return name.MustParseReference("hookproof.invalid/base"), index, nil
	}
	opts := []build.Option{
		build.WithBaseImages(under), build.WithPlatforms(o.platforms), build.WithTrimpath(true), build.WithCreationTime(v1.Time{Time: s.time}),
		build.WithDefaultEnv([]string{"CGO_ENABLED=0", "GOFLAGS=-buildvcs=true"}), build.WithDefaultLdflags([]string{"-s", "-w"}),
		build.WithSPDX(s.version), build.WithSBOMDir(o.sbom), build.WithJobs(1),
	}
	for name, value := range map[string]string{
		"title": "hookproof", "description": "Turns webhooks into events that can be trusted.", "licenses": "Apache-2.0",
		"source": "https://github.com/hookproof/hookproof", "version": s.version, "revision": s.revision, "created": s.time.Format(time.RFC3339),
	} {
		opts = append(opts, build.WithLabel("org.opencontainers.image."+name, value))
	}
	return build.NewGo(ctx, o.source, opts...)
}

// source is what the image is built from.
type source struct {
	version  string // as the binary says it
	revision string
	time     time.Time // of the commit, so that the same commit gives the same image
	zones    []byte    // Go's zoneinfo.zip
}

// readSource asks git about a checkout. What was not committed is refused: nobody could build it again.
func readSource(ctx context.Context, dir string) (s source, err error) {
	ask := func(name string, args ...string) string {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		out, e := cmd.Output()
		if e != nil {
			err = errors.Join(err, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), e))
		}
		return strings.TrimSpace(string(out))
	}
	if changed := ask("git", "status", "--porcelain"); changed != "" {
		return s, fmt.Errorf("the checkout %s has changes that are not committed:\n%s", dir, changed)
	}
	s.version, s.revision = ask("git", "describe", "--tags", "--always"), ask("git", "rev-parse", "HEAD")
	seconds, parseErr := strconv.ParseInt(ask("git", "log", "-1", "--format=%ct"), 10, 64)
	root := ask("go", "env", "GOROOT")
	if err = errors.Join(err, parseErr); err != nil {
		return s, err
	}
	s.time = time.Unix(seconds, 0).UTC()
	s.zones, err = os.ReadFile(filepath.Join(root, "lib", "time", "zoneinfo.zip"))
	return s, err
}
