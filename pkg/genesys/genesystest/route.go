package genesystest

import (
	"io"
	"log/slog"
	"net/http"
)

// Paths of the API.
const (
	tokenPath        = "/oauth/token"
	webhooksPath     = "/api/v2/integrations/webhooks"
	integrationsPath = "/api/v2/conversations/messaging/integrations/open"
	ipRangesPath     = "/api/v2/ipranges"
)

// maxBody is the longest request body that Genesys Cloud accepts, in bytes.
const maxBody = 512_000

// route is one operation of the API: where it is, what it needs, and what it does.
type route struct {
	op, pattern, permission string
	do                      func(*request) answer
}

// request is what an operation sees of an HTTP request.
type request struct {
	*http.Request
	body  []byte
	fault Fault // what was injected for it; the zero Fault if nothing
}

func (s *Simulator) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range []route{
		{"CreateWebhook", "POST " + webhooksPath, "integrations:webhook:write", s.createWebhook},
		{"ListWebhooks", "GET " + webhooksPath, "integrations:webhook:read", s.listWebhooks},
		{"GetWebhook", "GET " + webhooksPath + "/{id}", "integrations:webhook:read", s.getWebhook},
		{"UpdateWebhook", "PUT " + webhooksPath + "/{id}", "integrations:webhook:write", s.updateWebhook},
		{"DeleteWebhook", "DELETE " + webhooksPath + "/{id}", "integrations:webhook:write", s.deleteWebhook},
		{"TestWebhook", "POST " + webhooksPath + "/{id}/test", "integrations:webhook:execute", s.testWebhook},
		{"CreateIntegration", "POST " + integrationsPath, "messaging:integration:add", s.createIntegration},
		{"ListIntegrations", "GET " + integrationsPath, "messaging:integration:view", s.listIntegrations},
		{"GetIntegration", "GET " + integrationsPath + "/{id}", "messaging:integration:view", s.getIntegration},
		{"UpdateIntegration", "PATCH " + integrationsPath + "/{id}", "messaging:integration:edit", s.updateIntegration},
		{"DeleteIntegration", "DELETE " + integrationsPath + "/{id}", "messaging:integration:delete", s.deleteIntegration},
		{"IPRanges", "GET " + ipRangesPath, "", s.ipRanges},
	} {
		mux.HandleFunc(r.pattern, s.handle(r.op, s.authorized(r)))
	}
	mux.HandleFunc("POST "+tokenPath, s.handle("Token", s.token))
	mux.HandleFunc("POST /_sim/faults", s.postFault)
	mux.HandleFunc("DELETE /_sim/faults", s.deleteFaults)
	mux.HandleFunc("GET /_sim/state", s.getState)
	mux.HandleFunc("/", s.handle("Unknown", func(*request) answer {
		return refuse(http.StatusNotFound, "not.found", "The requested resource was not found.")
	}))
	return mux
}

// handle counts a request, applies the fault that is due, and writes the answer.
func (s *Simulator) handle(op string, do func(*request) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fault := s.begin(op, r.URL.Path)
		req := &request{Request: r, fault: fault}
		var err error
		req.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			s.write(w, refuse(http.StatusRequestEntityTooLarge, "request.entity.too.large", "The request body is too large."))
			return
		}
		a, done := s.before(w, req)
		if !done {
			a = do(req)
		}
		s.cfg.Log.LogAttrs(r.Context(), slog.LevelDebug, "request", slog.String("op", op),
			slog.Int("status", a.status), slog.String("fault", string(fault.Kind)))
		s.finish(w, a, fault)
	}
}

// begin counts the call and takes the first fault that matches it.
func (s *Simulator) begin(op, path string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.calls[op]++
	return s.takeFault(op, path)
}
