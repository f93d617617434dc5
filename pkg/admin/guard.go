package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"

	"github.com/hookproof/hookproof/pkg/secret"
)

// ReadToken reads the admin token from a file, without the line's end. It has to be 16 bytes or longer.
func ReadToken(path string) (secret.Text, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return secret.Text{}, err
	}
	token := secret.New(strings.TrimRight(string(b), "\r\n"))
	return token, secret.CheckLength(token)
}

// SetToken makes everything that HandlePrivate added ask for the token. Call it before Run.
func (s *Server) SetToken(token secret.Text) { s.token = token }

// HandlePrivate adds a handler for whom the operator trusts. Where a token is set it is asked for: as a bearer token, or as the
// password of Basic authentication with any user name, which browsers can send. Where none is, only connections to loopback
// are answered. What a page of another origin asks for in a browser never is.
func (s *Server) HandlePrivate(pattern string, h http.Handler) {
	s.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.token.Len() > 0 && !s.authorized(r):
			w.Header().Set("WWW-Authenticate", `Basic realm="hookproof admin", charset="UTF-8"`)
			WriteJSON(w, http.StatusUnauthorized, map[string]string{"error": "unauthorized",
				"message": "the admin token is needed: as a bearer token, or as the password with any user name"})
		case s.token.Len() == 0 && !toLoopback(r):
			WriteJSON(w, http.StatusForbidden, map[string]string{"error": "token_needed",
				"message": "no admin token is set, so this is answered on loopback only: set HOOKPROOF_ADMIN_TOKEN_FILE"})
		case !ownOrigin(r):
			WriteJSON(w, http.StatusForbidden, map[string]string{"error": "foreign_origin", "message": "a page of another origin asked for this"})
		default:
			h.ServeHTTP(w, r)
		}
	}))
}

// MountProfiles adds the profiles of net/http/pprof under /debug/pprof/, as private, and not even for a link of another site:
// to make one is work. The command line is left out: it is nobody's business but the operating system's.
func (s *Server) MountProfiles() {
	add := func(path string, h http.HandlerFunc) {
		s.HandlePrivate("GET /debug/pprof/"+path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
				WriteJSON(w, http.StatusForbidden, map[string]string{"error": "foreign_origin", "message": "a page of another origin asked for this"})
				return
			}
			h(w, r)
		}))
	}
	add("", pprof.Index)
	add("profile", pprof.Profile)
	add("trace", pprof.Trace)
}

// authorized compares digests, so that the time taken tells nothing, the length included.
func (s *Server) authorized(r *http.Request) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		_, given, _ = r.BasicAuth()
	}
	want, got := sha256.Sum256([]byte(s.token.Reveal())), sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// toLoopback reports whether a request came over a connection to a loopback address.
func toLoopback(r *http.Request) bool {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	host, _, err := net.SplitHostPort(a.String())
	return err == nil && net.ParseIP(host).IsLoopback()
}

// ownOrigin reports whether a request comes from this listener's own pages, from no page, or from a link that a person
// followed. A browser says which; another port of the same host is another origin to it.
func ownOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	}
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}
