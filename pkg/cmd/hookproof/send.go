package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
	"github.com/hookproof/hookproof/pkg/webhook"
)

type sendCmd struct {
	URL     string        `arg:"" optional:"" help:"Where to." env:"HOOKPROOF_URL" default:"http://127.0.0.1:8080/webhooks/genesys"`
	Scheme  string        `help:"How to sign: genesys-webhook, genesys-open-messaging or standard-webhooks." env:"HOOKPROOF_SCHEME" default:"genesys-webhook"`
	File    string        `short:"f" env:"HOOKPROOF_FILE" help:"Take scheme and secret from a webhook's file, as apply does. The only way to a custom scheme." type:"existingfile" placeholder:"FILE"`
	Secret  string        `help:"Reference to the secret: env:NAME or file:PATH." env:"HOOKPROOF_SEND_SECRET" default:"env:WEBHOOK_SECRET"`
	Bad     string        `help:"Make it wrong: ${bad}." env:"HOOKPROOF_BAD" placeholder:"WHAT"`
	Body    string        `help:"The body; @FILE reads one, - reads standard input. Default: a sample." env:"HOOKPROOF_BODY" xor:"body"`
	Header  []string      `env:"HOOKPROOF_HEADER" help:"Another header, as Name: value." sep:"none" placeholder:"HEADER"`
	Count   int           `help:"How many." env:"HOOKPROOF_COUNT" default:"1"`
	Every   time.Duration `help:"Pause between two." env:"HOOKPROOF_EVERY" default:"0s"`
	Timeout time.Duration `help:"Time for one answer." env:"HOOKPROOF_TIMEOUT" default:"15s"`
}

// Help shows what --help prints below the usage.
func (sendCmd) Help() string {
	return `Examples:
  WEBHOOK_SECRET=... hookproof send
  hookproof send --bad signature
  hookproof send --scheme standard-webhooks --secret file:secret.txt --body @event.json https://hooks.example.com/webhooks/orders`
}

// Run sends and prints each answer. An answer other than 200 is an error.
func (c *sendCmd) Run(ctx context.Context, p *process) error {
	if _, ok := spoilers[c.Bad]; c.Bad != "" && !ok {
		return usageError{fmt.Errorf("bad: %q is none of %s", c.Bad, strings.Join(spoilerNames(), ", "))}
	}
	s, err := c.sender(p)
	if err != nil {
		return usageError{err}
	}
	sent, refused := 0, 0
	for i := range c.Count {
		body, err := c.body(s.scheme, i, p)
		if err != nil {
			return usageError{err}
		}
		answers, err := s.send(ctx, body, c.Bad)
		for _, a := range answers {
			fmt.Fprintf(p.stdout, "%d %s\n", a.status, a.text)
			sent++
			if a.status != http.StatusOK {
				refused++
			}
		}
		if err != nil {
			return err
		}
		if c.Every > 0 && i < c.Count-1 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(c.Every):
			}
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d not accepted", refused, sent)
	}
	return nil
}

// sender makes the sender that the flags describe. Here the user reads their own files, so file: reads the working directory.
func (c *sendCmd) sender(p *process) (*sender, error) {
	scheme, ref, name := signature.Scheme{}, secret.Ref(c.Secret), quickWebhook
	if c.File != "" {
		raw, err := os.ReadFile(c.File)
		if err != nil {
			return nil, err
		}
		w, err := webhook.ParseFile(c.File, raw)
		if err != nil {
			return nil, err
		}
		scheme, name = w.SignatureScheme(), w.Webhook
		if strings.HasPrefix(string(w.Secret), "env:") { // file: and sealed: references are the pool's
			ref = w.Secret
		}
	} else {
		var ok bool
		if scheme, ok = signature.Named(c.Scheme); !ok {
			return nil, fmt.Errorf("scheme: %q is none of %s, %s, %s", c.Scheme, signature.NameGenesysWebhook, signature.NameGenesysOpenMessaging, signature.NameStandardWebhooks)
		}
	}
	text, err := secret.Resolver{Getenv: p.lookupEnv, Dir: "."}.Resolve(ref, name)
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	s, err := newSender(c.URL, scheme, text)
	if err != nil {
		return nil, err
	}
	s.client.Timeout = c.Timeout
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("header: %q is not Name: value", line)
		}
		s.extra.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return s, nil
}

func (c *sendCmd) body(scheme signature.Scheme, n int, p *process) ([]byte, error) {
	switch {
	case c.Body == "":
		return sampleBody(scheme, n), nil
	case c.Body == "-":
		return io.ReadAll(p.stdin)
	case c.Body[0] == '@':
		return os.ReadFile(c.Body[1:])
	}
	return []byte(c.Body), nil
}
