package genesystest

import (
	"net/http"
	"sync"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
)

// Simulator is an http.Handler that behaves like Genesys Cloud. It is safe for concurrent use.
type Simulator struct {
	cfg    Config
	mux    *http.ServeMux
	dice   *dice
	target *http.Client

	mu           sync.Mutex
	tokens       map[string]*grant
	webhooks     []*genesys.Webhook // in the order of creation
	integrations []*integration
	ranges       []IPRange
	faults       []*Fault
	counts       counts
	history      map[string]signed // the last genuine event that each webhook's target accepted
}

// New returns a simulator with no webhooks. It starts nothing.
func New(cfg Config) *Simulator {
	cfg = cfg.withDefaults()
	s := &Simulator{
		cfg:     cfg,
		dice:    newDice(cfg.Seed),
		target:  withoutRedirects(cfg.TargetClient),
		tokens:  map[string]*grant{},
		ranges:  cfg.IPRanges,
		counts:  newCounts(),
		history: map[string]signed{},
	}
	s.mux = s.routes()
	return s
}

// ServeHTTP answers API requests, token requests and those of the control endpoint.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// maxIdle keeps the connections of many deliveries at a time open, where net/http keeps two.
const maxIdle = 256

func withoutRedirects(h *http.Client) *http.Client {
	client := http.Client{}
	if h != nil {
		client = *h
	} else if t, isTransport := http.DefaultTransport.(*http.Transport); isTransport {
		t = t.Clone()
		t.MaxIdleConns, t.MaxIdleConnsPerHost = maxIdle, maxIdle
		client.Transport = t
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// now is the time that answers show: to the millisecond, in UTC, as Genesys Cloud writes it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
