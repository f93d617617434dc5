package genesys

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/secret"
)

// operation is one thing that the API can do.
type operation struct {
	name       string
	method     string
	path       string // a template: {id} stands for the call's id
	permission string
	// repeatable says that doing it twice is the same as doing it once. A creation is not.
	repeatable bool
}

// call is one use of an operation.
type call struct {
	operation
	id     string
	query  url.Values
	body   any                  // nil means none; encoded as JSON
	secret secret.Text          // what the body carries and no error may repeat
	decode func(b []byte) error // reads the answer; nil discards it
}

// prepared is a call made ready to be sent any number of times.
type prepared struct {
	call
	url  string
	body []byte
}

func (c *Client) prepare(k call) (prepared, error) {
	p := prepared{call: k, url: c.api + k.path}
	if strings.Contains(k.path, "{id}") {
		if !validID(k.id) {
			return p, fmt.Errorf("genesys: %s: the id %.64q: %w", k.name, k.id, ErrInvalid)
		}
		p.url = c.api + strings.ReplaceAll(k.path, "{id}", k.id)
	}
	if len(k.query) > 0 {
		p.url += "?" + k.query.Encode()
	}
	if k.body == nil {
		return p, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(k.body); err != nil {
		return p, fmt.Errorf("genesys: %s: body: %w", k.name, ErrInvalid) // the encoder's error may show a value
	}
	p.body = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	return p, nil
}

// validID keeps an id from changing the path: an empty one would address the whole collection.
func validID(id string) bool {
	other := func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	return id != "" && len(id) <= 128 && strings.IndexFunc(id, other) < 0
}

// do sends a call until it succeeds or repeating it is of no use. Its errors are *Error, or wrap ErrInvalid.
func (c *Client) do(ctx context.Context, k call) error {
	p, err := c.prepare(k)
	if err != nil {
		return err
	}
	if e := c.repeat(ctx, p); e != nil {
		return e
	}
	return nil
}

// repeat is the loop of attempts. A refused token is replaced once, outside the count.
func (c *Client) repeat(ctx context.Context, p prepared) *Error {
	var refused string
	unsure, sent := false, 0
	for tries := 1; ; tries++ {
		token, e := c.attempt(ctx, p, refused, sent)
		sent++
		if e == nil || p.method == http.MethodDelete && unsure && e.IsNotFound() {
			return nil // the earlier attempt, whose answer was lost, has deleted it
		}
		e.Attempts = sent
		unsure = unsure || e.unsure
		if e.Status == http.StatusUnauthorized && e.Op != tokenOp && refused == "" {
			refused, tries = token, tries-1
			continue
		}
		pause, again := c.pause(e, tries)
		if !again || !c.wait(ctx, e, pause) {
			return e
		}
	}
}

// pause returns how long to wait before the next attempt, or false if there is none.
func (c *Client) pause(e *Error, tries int) (time.Duration, bool) {
	switch {
	case tries >= c.cfg.Attempts, !e.Temporary(), e.Ambiguous(), e.RetryAfter > c.cfg.MaxRetryAfter:
		return 0, false
	case e.RetryAfter > 0:
		return e.RetryAfter, true
	}
	return c.backoff(tries), true
}

// backoff is exponential with full jitter: a random time below a bound that doubles with each attempt.
func (c *Client) backoff(tries int) time.Duration {
	bound := c.cfg.Backoff
	for range tries - 1 {
		bound = min(2*bound, c.cfg.MaxBackoff)
	}
	return rand.N(min(bound, c.cfg.MaxBackoff)) + 1
}

// wait sleeps, and reports false if ctx ends before the time is over or is bound to.
func (c *Client) wait(ctx context.Context, e *Error, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d || ctx.Err() != nil {
		return false
	}
	c.log.LogAttrs(ctx, slog.LevelInfo, "Genesys Cloud call is repeated",
		slog.String("op", e.Op), slog.Int("attempt", e.Attempts), slog.Duration("wait", d), slog.Any("error", e))
	if err := sleep(ctx, d); err != nil {
		e.cause = err
		return false
	}
	return true
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
