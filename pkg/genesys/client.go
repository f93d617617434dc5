package genesys

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

// scope names the package's spans.
const scope = "github.com/hookproof/hookproof/pkg/genesys"

// Client calls the Genesys Cloud API for one OAuth client. It is safe for concurrent use; its calls share one token and
// one rate limit. It holds no resource that has to be released.
type Client struct {
	cfg     Config
	api     string
	host    string
	http    *http.Client
	tokens  *tokenCache
	limiter *rate.Limiter
	tracer  trace.Tracer
	log     *slog.Logger
}

// New returns a client, or an error that names every bad setting. It sends nothing: the first call asks for a token.
// Only attempts that are repeated are logged, since every other outcome is returned; a nil log discards.
func New(cfg Config, log *slog.Logger) (*Client, error) {
	cfg = cfg.withDefaults()
	hosts, err := cfg.endpoints()
	if err := errors.Join(cfg.check(), err); err != nil {
		return nil, fmt.Errorf("genesys: %w", err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Client{
		cfg:     cfg,
		api:     hosts.api.String(),
		host:    hosts.api.Hostname(),
		http:    withoutRedirects(cfg.HTTPClient),
		limiter: newLimiter(cfg.RequestsPerMinute),
		tracer:  cfg.TracerProvider.Tracer(scope),
		log:     log,
	}
	c.tokens = newTokenCache(c.tokenFetcher(hosts.login))
	return c, nil
}

// newLimiter allows n requests in any minute: a tenth of them at once, the others evenly.
func newLimiter(n int) *rate.Limiter {
	burst := max(1, n/10)
	steady := max(1, n-burst)
	return rate.NewLimiter(rate.Limit(float64(steady)/60), burst)
}

// withoutRedirects returns a copy of the client that hands every 3xx back as the answer.
func withoutRedirects(h *http.Client) *http.Client {
	client := http.Client{}
	if h != nil {
		client.Transport = h.Transport
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		client.Transport = t.Clone()
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}
