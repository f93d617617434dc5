package genesys

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hookproof/hookproof/pkg/secret"
)

// Config says which organisation of which region a Client works for, and how patiently. The zero value of every field
// but ClientID and ClientSecret has a useful meaning.
type Config struct {
	// Environment is the region's domain, one of Environments; empty means DefaultEnvironment.
	Environment string
	// APIURL and LoginURL are explicit base URLs, both or neither. Given, they take the place of Environment.
	APIURL, LoginURL string
	// AllowPlainHTTP lets base URLs be http on other machines too, which sends the client's credentials in the clear. It
	// is meant for a simulator in the next container. Loopback addresses need no permission.
	AllowPlainHTTP bool

	// ClientID and ClientSecret are those of an OAuth client with the grant type Client Credentials.
	ClientID     string
	ClientSecret secret.Text

	// HTTPClient carries the requests; nil means one with a transport of its own. It is copied, and the copy follows no
	// redirect, keeps no cookies and has no time-out but Timeout.
	HTTPClient *http.Client
	// Timeout bounds one attempt, answer included; 0 means 30 s. A connectivity test may take Genesys Cloud 10 s.
	Timeout time.Duration
	// Attempts bounds how often one call is sent; 0 means 5. The one repetition after a refused token is not counted.
	Attempts int
	// Backoff is the first bound of the random pause between attempts, which doubles with each up to MaxBackoff; 0 means
	// 500 ms and 30 s.
	Backoff, MaxBackoff time.Duration
	// MaxRetryAfter is the longest Retry-After that a call waits for; 0 means 1 min. With a longer one the call
	// returns, and the Error's RetryAfter tells the caller when to come back.
	MaxRetryAfter time.Duration
	// RequestsPerMinute bounds the client's own rate, in any minute; 0 means 270. Genesys Cloud allows 300 per token
	// (https://developer.genesys.cloud/organization/organization/limits).
	RequestsPerMinute int
	// PollInterval is the first pause of WaitIntegration, which grows to 15 times itself; 0 means 1 s.
	PollInterval time.Duration

	// TracerProvider makes one client span for each attempt; nil means none.
	TracerProvider trace.TracerProvider
	// Observe is called after each attempt with the operation's name ("CreateWebhook", "Token"), the answer's status or 0,
	// the error or nil, and the time it took; nil means nobody looks. It must be safe for concurrent use.
	Observe func(op string, status int, err error, took time.Duration)
	// ObserveToken is called with the expiry of each token that was got and has one; nil means nobody looks. It must be
	// safe for concurrent use.
	ObserveToken func(expires time.Time)
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	c.Timeout = orDefault(c.Timeout, 30*time.Second)
	c.Attempts = orDefault(c.Attempts, 5)
	c.Backoff = orDefault(c.Backoff, 500*time.Millisecond)
	c.MaxBackoff = orDefault(c.MaxBackoff, 30*time.Second)
	c.MaxRetryAfter = orDefault(c.MaxRetryAfter, time.Minute)
	c.RequestsPerMinute = orDefault(c.RequestsPerMinute, 270)
	c.PollInterval = orDefault(c.PollInterval, time.Second)
	if c.TracerProvider == nil {
		c.TracerProvider = noop.NewTracerProvider()
	}
	if c.Observe == nil {
		c.Observe = func(string, int, error, time.Duration) {}
	}
	if c.ObserveToken == nil {
		c.ObserveToken = func(time.Time) {}
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

// check reports every bad setting at once. It is called after withDefaults.
func (c Config) check() error {
	var errs []error
	if c.ClientID == "" {
		errs = append(errs, errors.New("ClientID: missing"))
	}
	if c.ClientSecret.Len() == 0 {
		errs = append(errs, errors.New("ClientSecret: missing"))
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"Timeout", int64(c.Timeout)}, {"Attempts", int64(c.Attempts)}, {"Backoff", int64(c.Backoff)},
		{"MaxBackoff", int64(c.MaxBackoff)}, {"MaxRetryAfter", int64(c.MaxRetryAfter)},
		{"RequestsPerMinute", int64(c.RequestsPerMinute)}, {"PollInterval", int64(c.PollInterval)},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("%s: negative", n.name))
		}
	}
	return errors.Join(errs...)
}
