package genesystest

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/hookproof/hookproof/pkg/secret"
)

// Config chooses how the simulator behaves. The zero Config is a Genesys Cloud organisation with DemoClient, the
// documented limits, and no events but those that Deliver sends.
type Config struct {
	// Clients may ask for tokens; none means DemoClient.
	Clients []OAuthClient
	// TokenTTL is how long a token lives; 0 means 24 h. Genesys Cloud's live 300 s to 172,800 s.
	TokenTTL time.Duration
	// RequestsPerMinute is allowed to each token; 0 means 300, a negative number means no limit.
	RequestsPerMinute int
	// MaxPageSize bounds pageSize in listings; 0 means 100.
	MaxPageSize int

	// CompletionPolls is how many GETs of a new Open Messaging integration still answer Initiated; 0 means 1, a negative
	// number means none. CompletionDelay is how long it stays so at least.
	CompletionPolls int
	CompletionDelay time.Duration

	// IPRanges is the answer of /api/v2/ipranges; nil means DefaultIPRanges.
	IPRanges []IPRange

	// EventRate is how many events a second Run sends for each enabled webhook; 0 means none.
	EventRate float64
	// ForgeRatio is the share of Run's events, between 0 and 1, that are forged instead; ForgeKinds are the ways, nil
	// means all of them.
	ForgeRatio float64
	ForgeKinds []Forgery
	// AttemptTimeout is how long a target may take to answer; 0 means 10 s, the documented limit.
	AttemptTimeout time.Duration
	// RetryDelay replaces the pause of every retry policy, for tests that cannot wait; 0 leaves the policy alone.
	RetryDelay time.Duration
	// TargetClient calls the targets; nil means one with the default transport. Give one that trusts a target's own
	// certificate. Redirects are never followed.
	TargetClient *http.Client
	// AllowInsecureTargets accepts targets that the public API refuses: http, and for Open Messaging other ports than 443.
	AllowInsecureTargets bool
	// OnDelivery is called with each delivery once it has ended; nil means nobody looks. It must be safe for concurrent use.
	OnDelivery func(Delivery)

	// Seed makes ids and choices repeatable; 0 means that they differ with each simulator.
	Seed uint64
	// Log gets one line for each request and delivery, without secrets; nil discards.
	Log *slog.Logger
}

// OAuthClient is an OAuth client with the grant type Client Credentials.
type OAuthClient struct {
	ID     string
	Secret secret.Text
	// Scopes are the permissions of its tokens; nil means AllScopes.
	Scopes []string
}

// DemoClient returns the client that a simulator has if it is given none.
func DemoClient() OAuthClient {
	return OAuthClient{ID: "hookproof-demo", Secret: secret.New("demo-client-secret-of-the-simulator")}
}

// AllScopes returns every permission that the simulator knows.
func AllScopes() []string {
	return []string{
		"integrations:webhook:read", "integrations:webhook:write", "integrations:webhook:execute",
		"messaging:integration:view", "messaging:integration:add", "messaging:integration:edit", "messaging:integration:delete",
	}
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if len(c.Clients) == 0 {
		c.Clients = []OAuthClient{DemoClient()}
	}
	c.TokenTTL = orDefault(c.TokenTTL, 24*time.Hour)
	c.RequestsPerMinute = orDefault(c.RequestsPerMinute, 300)
	c.MaxPageSize = orDefault(c.MaxPageSize, 100)
	c.CompletionPolls = orDefault(c.CompletionPolls, 1)
	c.AttemptTimeout = orDefault(c.AttemptTimeout, 10*time.Second)
	if c.IPRanges == nil {
		c.IPRanges = DefaultIPRanges()
	}
	if c.ForgeKinds == nil {
		c.ForgeKinds = Forgeries()
	}
	if c.OnDelivery == nil {
		c.OnDelivery = func(Delivery) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
