package genesys

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// tokenPath is the token endpoint below the login host.
const tokenPath = "/oauth/token"

// tokenOp is the operation's name in errors, spans and observations.
const tokenOp = "Token"

// tokenCache holds the token that calls share. Whoever has sent into turn may read and change the rest, so that one token
// is asked for at a time and everybody else waits for it, no longer than their own context lasts.
type tokenCache struct {
	fetch   func(context.Context) (*oauth2.Token, error)
	turn    chan struct{}
	current *oauth2.Token
	renewAt time.Time
}

func newTokenCache(fetch func(context.Context) (*oauth2.Token, error)) *tokenCache {
	return &tokenCache{fetch: fetch, turn: make(chan struct{}, 1)}
}

// get returns a token that will live for a while and is not the refused one; "" refuses none.
func (t *tokenCache) get(ctx context.Context, refused string) (string, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if t.fresh() && t.current.AccessToken != refused {
		return t.current.AccessToken, nil
	}
	t.current = nil
	token, err := t.fetch(ctx)
	if err != nil {
		return "", err
	}
	t.current, t.renewAt = token, renewal(token)
	return token.AccessToken, nil
}

func (t *tokenCache) fresh() bool {
	return t.current != nil && (t.renewAt.IsZero() || time.Now().Before(t.renewAt))
}

// renewal returns the time from which a token is replaced: a minute before it expires, or a tenth of its life if that is
// less. Genesys Cloud's tokens live 300 s to 172,800 s. The zero time means that the server named no expiry.
func renewal(t *oauth2.Token) time.Time {
	if t.Expiry.IsZero() {
		return time.Time{}
	}
	return t.Expiry.Add(-min(time.Minute, max(0, time.Until(t.Expiry)/10)))
}

// tokenFetcher returns the function that asks the login host for a token, once. The credentials travel in the
// Authorization header (Basic); https://developer.genesys.cloud/authorization/platform-auth/use-client-credentials.
func (c *Client) tokenFetcher(login *url.URL) func(context.Context) (*oauth2.Token, error) {
	source := clientcredentials.Config{
		ClientID:     c.cfg.ClientID,
		ClientSecret: c.cfg.ClientSecret.Reveal(),
		TokenURL:     login.String() + tokenPath,
		AuthStyle:    oauth2.AuthStyleInHeader,
	}
	seen := exchange{op: tokenOp, method: http.MethodPost, template: tokenPath, host: login.Hostname()}
	return func(ctx context.Context) (token *oauth2.Token, err error) {
		ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, ErrTimeout)
		defer cancel()
		err = c.observed(ctx, seen, func(ctx context.Context) (int, error) {
			if token, err = source.Token(context.WithValue(ctx, oauth2.HTTPClient, c.http)); err == nil {
				return http.StatusOK, nil
			}
			e := c.tokenError(ctx, err)
			return e.Status, e
		})
		if err == nil && !token.Expiry.IsZero() {
			c.cfg.ObserveToken(token.Expiry)
		}
		return token, err
	}
}

// tokenError turns what oauth2 returns into an Error. It keeps neither the response, whose request holds the credentials,
// nor the body.
func (c *Client) tokenError(ctx context.Context, err error) *Error {
	e := &Error{Op: tokenOp, repeatable: true}
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		clean := c.redact()
		e.Status, e.cause = refused.Response.StatusCode, causeOf(refused.Response.StatusCode)
		e.Code = clip(clean(refused.ErrorCode), maxCode)
		e.Message = clip(clean(refused.ErrorDescription), maxMessage)
		e.header(refused.Response.Header, time.Now(), clean)
		return e
	}
	e.cause = malformed("it has no token") // oauth2's own text may repeat what the server sent
	if _, ok := errors.AsType[*url.Error](err); ok {
		e.cause = transportCause(ctx, err)
	}
	return e
}
