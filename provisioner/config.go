package provisioner

import (
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// Config says how a provisioner works. The zero value of a field stands for its default.
type Config struct {
	// Instance names this provisioner in leases; it must differ from every other's. Default: a random one.
	Instance string
	// Secrets resolves references, to find out whether they can be resolved and whether two webhooks share a secret. It
	// should reach what the verifiers' reaches.
	Secrets secret.Resolver
	// Genesys calls the Genesys Cloud API; nil means that there are no credentials, so that every kind but none fails. What
	// a call waits for by itself counts for the step that makes it: see Lease.
	Genesys *genesys.Client
	// Check relaxes what is accepted of a webhook.
	Check webhook.Options
	// Recheck is how often a webhook that is in its desired state is compared again; default 15 min.
	Recheck time.Duration
	// RouteGrace is how long the ingresses may take to learn of a route; default 1 s.
	RouteGrace time.Duration
	// RemovalGrace is how long after its route was removed a webhook's policy stays at least: an ingress stores what it has
	// begun with up to 8 s later, and one with a buffer when it reaches the bus again. Default 12 s.
	RemovalGrace time.Duration
	// Backoff is the pause after a first failure, which doubles with each up to MaxBackoff; default 1 s and 5 min.
	Backoff, MaxBackoff time.Duration
	// Lease is how long a webhook is kept from other provisioners when this one dies; default 45 s. A step that takes
	// longer than two thirds of it is broken off, and tried again.
	Lease time.Duration
	// AddressRefresh is how often the addresses that Genesys Cloud publishes are read; default 1 h. AddressGrace is how
	// long one that left them stays allowed; default 24 h.
	AddressRefresh, AddressGrace time.Duration
	// Metrics counts steps; nil counts nothing.
	Metrics *telemetry.Provisioning
	// Tracer traces messages, passes and steps; nil traces nothing.
	Tracer trace.Tracer
	// Now is the clock of what is recorded; nil stands for time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Instance == "" {
		c.Instance = uuid.NewString()
	}
	c.Recheck = orDefault(c.Recheck, 15*time.Minute)
	c.RouteGrace = orDefault(c.RouteGrace, time.Second)
	c.RemovalGrace = orDefault(c.RemovalGrace, 12*time.Second)
	c.Backoff = orDefault(c.Backoff, time.Second)
	c.MaxBackoff = orDefault(c.MaxBackoff, 5*time.Minute)
	c.Lease = orDefault(c.Lease, 45*time.Second)
	c.AddressRefresh = orDefault(c.AddressRefresh, time.Hour)
	c.AddressGrace = orDefault(c.AddressGrace, 24*time.Hour)
	if c.Tracer == nil {
		c.Tracer = noop.Tracer{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// now returns the time as records keep it.
func (c Config) now() time.Time { return c.Now().UTC().Truncate(time.Millisecond) }
