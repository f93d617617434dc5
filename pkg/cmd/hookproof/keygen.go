package main

import (
	"fmt"

	"github.com/hookproof/hookproof/pkg/secret"
)

type keygenCmd struct {
	XKeyFile string `name:"xkey-file" help:"File of the key; made when it does not exist." env:"HOOKPROOF_XKEY_FILE" type:"path" required:""`
}

// Help shows what --help prints below the usage.
func (keygenCmd) Help() string {
	return "Every verifier and provisioner gets the file, everybody who seals gets the printed half.\n\nExample:\n  hookproof keygen --xkey-file pool.xkey"
}

// Run makes the pool's key, or reads it, and prints its public half.
func (c *keygenCmd) Run(p *process) error {
	k, err := secret.LoadOrCreateKey(c.XKeyFile)
	if err != nil {
		return err
	}
	public, err := k.Public()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, public)
	return err
}
