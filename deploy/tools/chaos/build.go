package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/nemesis"
)

// build builds the programs that were not given. It has to run inside the module.
func build(ctx context.Context, cfg *nemesis.Config) error {
	var err error
	if cfg.Hookproof == "" {
		if cfg.Hookproof, err = buildHookproof(ctx, cfg.Dir, "failpoint"); err != nil {
			return err
		}
	}
	if cfg.NATSServer == "" {
		cfg.NATSServer, err = cluster.Build(ctx, cfg.Dir)
	}
	return err
}

// buildHookproof builds the program with tags into dir and returns its path.
func buildHookproof(ctx context.Context, dir string, tags ...string) (string, error) {
	path := filepath.Join(dir, strings.Join(append([]string{"hookproof"}, tags...), "-"))
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", strings.Join(tags, ","), "-o", path, "./pkg/cmd/hookproof")
	cmd.Dir = "../../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build hookproof: %w: %s", err, out)
	}
	return path, nil
}
