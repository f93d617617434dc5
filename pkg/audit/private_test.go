package audit_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
)

// TestAuditIsPrivate asks for the audit over an address of the network, with and without a token that is set.
func TestAuditIsPrivate(t *testing.T) {
	const token = "only auditors know this token"
	for name, c := range map[string]struct {
		set, given string
		want       int
	}{
		"none is set": {want: http.StatusForbidden},
		"not given":   {set: token, want: http.StatusUnauthorized},
		"given":       {set: token, given: token, want: http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := bustest.New(t, bus.Topology{})
			s := admin.New(nil, bustest.Log(t))
			s.SetToken(secret.New(c.set))
			audit.New(b, policy.NewStore(b, secret.Resolver{}, bustest.Log(t)), bustest.Log(t)).Mount(s)
			for _, path := range []string{"/webhooks/audit/metrics", "/webhooks/audit/log", "/webhooks/audit/log?limit=1"} {
				local := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 9090}
				req := httptest.NewRequest(http.MethodGet, "http://10.0.0.7:9090"+path, nil)
				req = req.WithContext(context.WithValue(req.Context(), http.LocalAddrContextKey, net.Addr(local)))
				if c.given != "" {
					req.Header.Set("Authorization", "Bearer "+c.given)
				}
				w := httptest.NewRecorder()
				if s.ServeHTTP(w, req); w.Code != c.want {
					t.Errorf("GET %s = %d %s, want %d", path, w.Code, w.Body, c.want)
				}
			}
		})
	}
}
