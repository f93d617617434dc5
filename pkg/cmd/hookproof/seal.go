package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/secret"
)

// sealFlags say whom to seal to.
type sealFlags struct {
	To       string `help:"The pool's public key, as keygen printed it." env:"HOOKPROOF_XKEY_PUBLIC" placeholder:"X..."`
	XKeyFile string `name:"xkey-file" help:"Or the pool's key itself, where you have it." env:"HOOKPROOF_XKEY_FILE" type:"path"`
}

// public returns the public half of the pool's key.
func (f sealFlags) public() (string, error) {
	if f.To != "" {
		return f.To, nil
	}
	if f.XKeyFile == "" {
		return "", usageError{errors.New("to: the pool's public key is needed, or xkey-file")}
	}
	k, err := secret.LoadKey(f.XKeyFile)
	if err != nil {
		return "", fmt.Errorf("xkey-file: %w", err)
	}
	return k.Public()
}

type sealCmd struct {
	sealFlags
	Webhook string `arg:"" help:"The webhook that the secret is for; for any other it opens nothing."`
}

// Help shows what --help prints below the usage.
func (sealCmd) Help() string {
	return "Reads the secret from standard input and prints the reference to put in the webhook's file.\n\nExample:\n  printf %s \"$SECRET\" | hookproof seal --to XABC... orders"
}

// Run seals standard input.
func (c *sealCmd) Run(p *process) error {
	if !event.ValidWebhook(c.Webhook) {
		return usageError{fmt.Errorf("webhook: %.80q is not 1 to 64 of A-Z a-z 0-9 _ -", c.Webhook)}
	}
	public, err := c.public()
	if err != nil {
		return err
	}
	ref, err := sealInput(p.stdin, public, c.Webhook)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, ref)
	return err
}

// sealInput seals a secret that somebody types or pipes in, without the newline at its end.
func sealInput(r io.Reader, public, webhook string) (secret.Ref, error) {
	b, err := io.ReadAll(io.LimitReader(r, secret.MaxLength+3))
	if err != nil {
		return "", err
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	return secret.Seal(public, webhook, secret.New(text))
}
