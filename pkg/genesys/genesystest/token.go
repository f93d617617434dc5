package genesystest

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// grant is a token that was given out.
type grant struct {
	scopes  []string
	expires time.Time
	window  time.Time // when the current minute of the rate limit began
	used    int
}

// token is the token endpoint: client credentials with Basic authentication (RFC 6749, section 4.4).
func (s *Simulator) token(r *request) answer {
	form, err := url.ParseQuery(string(r.body))
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return oauthError(http.StatusBadRequest, "invalid_request", "the body is not a form")
	}
	client, known := s.client(r.Request)
	if !known {
		return oauthError(http.StatusUnauthorized, "invalid_client", "client authentication failed")
	}
	if form.Get("grant_type") != "client_credentials" {
		return oauthError(http.StatusBadRequest, "unsupported_grant_type", "the grant type is not supported")
	}
	return ok(map[string]any{
		"access_token": s.grant(client), "token_type": "bearer", "expires_in": int(s.cfg.TokenTTL / time.Second),
	})
}

// client returns the client whose Basic credentials a request carries, form-encoded as RFC 6749, section 2.3.1, asks.
func (s *Simulator) client(r *http.Request) (OAuthClient, bool) {
	user, password, _ := r.BasicAuth()
	id, errID := url.QueryUnescape(user)
	key, errKey := url.QueryUnescape(password)
	i := slices.IndexFunc(s.cfg.Clients, func(c OAuthClient) bool {
		return c.ID == id && subtle.ConstantTimeCompare([]byte(c.Secret.Reveal()), []byte(key)) == 1
	})
	if errID != nil || errKey != nil || i < 0 {
		return OAuthClient{}, false
	}
	return s.cfg.Clients[i], true
}

func (s *Simulator) grant(c OAuthClient) string {
	scopes := c.Scopes
	if scopes == nil {
		scopes = AllScopes()
	}
	token := s.dice.token()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.tokens++
	s.tokens[token] = &grant{scopes: scopes, expires: time.Now().Add(s.cfg.TokenTTL)}
	return token
}

func oauthError(status int, code, description string) answer {
	return answer{status: status, body: map[string]string{
		"error": code, "description": description, "error_description": description,
	}}
}

// authorized puts the checks of a token before an operation: it is known, it lives, it is below its rate, and it has the
// permission.
func (s *Simulator) authorized(r route) func(*request) answer {
	return func(req *request) answer {
		if a, refused := s.checkToken(bearer(req.Request), r.permission); refused {
			return a
		}
		return r.do(req)
	}
}

func bearer(r *http.Request) string {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		return ""
	}
	return token
}

func (s *Simulator) checkToken(token, permission string) (a answer, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, known := s.tokens[token]
	switch {
	case token == "":
		return refuse(http.StatusUnauthorized, "authentication.required", "No authentication bearer token was given."), true
	case !known:
		return refuse(http.StatusUnauthorized, "bad.credentials", "Invalid login credentials."), true
	case !time.Now().Before(g.expires):
		return expired(), true
	}
	if wait := g.take(time.Now(), s.cfg.RequestsPerMinute); wait > 0 {
		return tooMany(strconv.Itoa(wait)), true
	}
	if permission != "" && !slices.Contains(g.scopes, permission) {
		return forbidden(permission), true
	}
	return answer{}, false
}

// take counts a request of the current minute and returns how many seconds to wait if there are too many.
func (g *grant) take(at time.Time, limit int) int {
	if at.Sub(g.window) >= time.Minute {
		g.window, g.used = at, 0
	}
	if g.used++; limit < 0 || g.used <= limit {
		return 0
	}
	return int(g.window.Add(time.Minute).Sub(at)/time.Second) + 1
}

func expired() answer {
	return refuse(http.StatusUnauthorized, "credentials.expired", "The supplied credentials are expired.")
}

func forbidden(permission string) answer {
	a := refuse(http.StatusForbidden, "missing.any.permissions",
		"Unable to perform the requested action. You are missing the following permission(s): "+permission)
	if e, isError := a.body.(*apiError); isError {
		e.MessageParams = map[string]string{"permissions": permission}
	}
	return a
}

// ExpireTokens makes every token that was given out expire at once.
func (s *Simulator) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.tokens {
		g.expires = time.Time{}
	}
}

// revoke makes one token expire.
func (s *Simulator) revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, known := s.tokens[token]; known {
		g.expires = time.Time{}
	}
}
