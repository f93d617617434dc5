package genesys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hookproof/hookproof/pkg/secret"
)

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 8 << 20

// attempt sends the call once, with a token other than the refused one, and returns the token that it used. sent is the
// number of attempts before it.
func (c *Client) attempt(ctx context.Context, p prepared, refused string, sent int) (string, *Error) {
	if err := c.limiter.Wait(ctx); err != nil {
		return "", c.unsent(p, limited(ctx))
	}
	token, err := c.tokens.get(ctx, refused)
	if err != nil {
		return "", c.unsent(p, err)
	}
	seen := exchange{op: p.name, method: p.method, template: p.path, host: c.host, resent: sent}
	err = c.observed(ctx, seen, func(ctx context.Context) (int, error) { return c.roundTrip(ctx, p, token) })
	if e, ok := errors.AsType[*Error](err); ok {
		return token, e
	}
	return token, nil
}

// unsent is the error of a call that did not come to be sent.
func (c *Client) unsent(p prepared, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Op: p.name, repeatable: p.repeatable, cause: err}
}

// limited says why the rate limit let a call go: its context ended, or would end before its turn.
func limited(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return fmt.Errorf("the rate limit would hold it for too long: %w", context.DeadlineExceeded)
}

// roundTrip sends one request and reads its answer. Its errors are *Error.
func (c *Client) roundTrip(parent context.Context, p prepared, token string) (int, error) {
	ctx, cancel := context.WithTimeoutCause(parent, c.cfg.Timeout, ErrTimeout)
	defer cancel()
	var connected atomic.Bool // until then the server cannot have seen anything
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := p.request(ctx, token)
	if err != nil {
		return 0, c.failed(p, ErrInvalid)
	}
	res, err := c.http.Do(req)
	if err != nil {
		e := c.failed(p, transportCause(ctx, err))
		e.unsure = connected.Load()
		return 0, e
	}
	defer res.Body.Close()
	return res.StatusCode, c.answer(ctx, p, token, res)
}

func (p prepared) request(ctx context.Context, token string) (*http.Request, error) {
	var body io.Reader
	if p.body != nil {
		body = bytes.NewReader(p.body)
	}
	req, err := http.NewRequestWithContext(ctx, p.method, p.url, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "hookproof")
	if p.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// answer judges a response. What was done although its answer cannot be read, or a 5xx came, is unsure.
func (c *Client) answer(ctx context.Context, p prepared, token string, res *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if res.StatusCode/100 == 2 {
		if err = p.accept(res.Header, body, err); err == nil {
			return nil
		}
		e := c.failed(p, err)
		if cause := context.Cause(ctx); cause != nil {
			e.cause = cause
		}
		e.Status, e.unsure = res.StatusCode, true
		return e
	}
	e := c.failed(p, causeOf(res.StatusCode))
	e.Status = res.StatusCode
	e.unsure = e.Status >= 500 || e.Status == http.StatusRequestTimeout
	clean := c.redact(p.secret, secret.New(token))
	e.header(res.Header, time.Now(), clean)
	e.fill(body, clean)
	return e
}

// accept reads the body of a 2xx. Where no answer is expected, a page of HTML is still no success: a proxy wrote it.
func (p prepared) accept(h http.Header, body []byte, err error) error {
	switch {
	case err != nil:
		return malformed("cut off after %d bytes", len(body))
	case len(body) > maxAnswer:
		return malformed("longer than %d bytes", maxAnswer)
	case len(body) > 0 && !isJSON(h.Get("Content-Type")):
		return malformed("content type %.64q", h.Get("Content-Type"))
	case p.decode != nil && p.decode(body) != nil:
		return malformed("not the documented JSON") // the decoder's error may show a part of the body
	}
	return nil
}

// isJSON accepts application/json, the +json types, and an answer that does not say what it is.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

func (c *Client) failed(p prepared, cause error) *Error {
	return &Error{Op: p.name, permission: p.permission, repeatable: p.repeatable, cause: cause}
}

// transportCause tells the end of the caller's context and of the attempt's own time from trouble on the network.
func transportCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
