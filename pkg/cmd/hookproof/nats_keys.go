package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nkeys"
)

type natsKeysCmd struct {
	Dir string `help:"Directory of the server's configuration; the keys are made beside it." env:"HOOKPROOF_NATS_KEYS_DIR" type:"path" required:""`
}

// natsUsers returns the users of deploy/nats/nats-server.conf.
func natsUsers() []string {
	return []string{"admin", "verifier", "ingress", "provisioner", "operator", "reader"}
}

// Help shows what --help prints below the usage.
func (natsKeysCmd) Help() string {
	return `It makes <user>.nk for each user, the seed that the user alone gets (NATS_NKEY), and keys.conf, the public halves,
which is all that the server gets. A seed that exists is kept.

Example:
  hookproof nats-keys --dir deploy/nats`
}

// Run makes the seeds that are missing, and writes the public half of each.
func (c *natsKeysCmd) Run(p *process) error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	var conf strings.Builder
	for _, user := range natsUsers() {
		public, err := natsKey(filepath.Join(c.Dir, user+".nk"))
		if err != nil {
			return err
		}
		fmt.Fprintf(&conf, "NKEY_%s: %s\n", strings.ToUpper(user), public)
	}
	path := filepath.Join(c.Dir, "keys.conf")
	if err := os.WriteFile(path, []byte(conf.String()), 0o644); err != nil { // #nosec G306 -- public keys, which the server's user reads
		return err
	}
	_, err := fmt.Fprintln(p.stdout, path)
	return err
}

// natsKey returns the public half of the seed in a file, which is made when it does not exist.
func natsKey(path string) (public string, err error) {
	seed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newNATSKey(path)
	}
	if err != nil {
		return "", err
	}
	pair, err := nkeys.ParseDecoratedUserNKey(seed)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return pair.PublicKey()
}

// newNATSKey makes a seed, which only the file's owner may read.
func newNATSKey(path string) (public string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", err
	}
	seed, err := pair.Seed()
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(append(seed, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return pair.PublicKey()
}
