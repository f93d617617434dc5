package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/telemetry"
	"github.com/hookproof/hookproof/pkg/webhook"
	"github.com/hookproof/hookproof/provisioner"
)

// genesysFlags say which organisation of Genesys Cloud webhooks are provisioned in. The credentials of its OAuth client
// have no flags, because whoever lists the processes would see them: they are GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET.
type genesysFlags struct {
	GenesysEnvironment  string        `help:"Region of Genesys Cloud, such as mypurecloud.ie. The credentials are GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET." env:"GENESYS_ENVIRONMENT" default:"mypurecloud.com" group:"Genesys Cloud"`
	GenesysAPIURL       string        `name:"genesys-api-url" help:"Base URL of the API, in place of the region's." env:"HOOKPROOF_GENESYS_API_URL" group:"Genesys Cloud"`
	GenesysLoginURL     string        `name:"genesys-login-url" help:"Base URL of the login host, in place of the region's." env:"HOOKPROOF_GENESYS_LOGIN_URL" group:"Genesys Cloud"`
	AllowPrivateTargets bool          `help:"Accept target URIs on loopback and private addresses." env:"HOOKPROOF_ALLOW_PRIVATE_TARGETS" group:"Genesys Cloud"`
	Recheck             time.Duration `help:"How often a webhook is compared with Genesys Cloud." env:"HOOKPROOF_RECHECK" default:"15m" group:"Genesys Cloud"`
	AddressGrace        time.Duration `help:"How long an address that left the published ones stays in allowlists that follow them." env:"HOOKPROOF_ADDRESS_GRACE" default:"24h" group:"Genesys Cloud"`
	RemovalGrace        time.Duration `help:"How long after its route was removed a webhook's policy stays at least, for what an ingress has begun with; with buffers at the edge, as long as one may wait for the bus." env:"HOOKPROOF_REMOVAL_GRACE" default:"12s" group:"Genesys Cloud"`
	ProvisionerLease    time.Duration `help:"How long a webhook is kept from other provisioners when this one dies." env:"HOOKPROOF_PROVISIONER_LEASE" default:"45s" group:"Genesys Cloud"`
}

// Patience of the client: longer pauses become the webhook's next try, which everybody sees and a newer message interrupts.
const (
	genesysTimeout       = 20 * time.Second
	genesysAttempts      = 3
	genesysMaxRetryAfter = 2 * time.Second
	genesysMaxBackoff    = 2 * time.Second
)

// credentials are those of an OAuth client; the zero value is none.
type credentials struct {
	id     string
	secret secret.Text
}

// readCredentials returns what the environment holds. One half without the other is an error that names the missing one.
func readCredentials(p *process) (credentials, error) {
	id, _ := p.lookupEnv("GENESYS_CLIENT_ID")
	text, _ := p.lookupEnv("GENESYS_CLIENT_SECRET")
	switch {
	case id == "" && text != "":
		return credentials{}, errors.New("GENESYS_CLIENT_SECRET is set without GENESYS_CLIENT_ID")
	case id != "" && text == "":
		return credentials{}, errors.New("GENESYS_CLIENT_ID is set without GENESYS_CLIENT_SECRET")
	}
	return credentials{id: id, secret: secret.New(text)}, nil
}

// client returns a client for the credentials, or nil without any.
func (f genesysFlags) client(c credentials, tel *telemetry.Telemetry, metrics *telemetry.Provisioning, p *process) (*genesys.Client, error) {
	if c.id == "" {
		return nil, nil
	}
	client, err := genesys.New(genesys.Config{
		Environment: f.GenesysEnvironment, APIURL: f.GenesysAPIURL, LoginURL: f.GenesysLoginURL, ClientID: c.id, ClientSecret: c.secret,
		Timeout: genesysTimeout, Attempts: genesysAttempts, MaxRetryAfter: genesysMaxRetryAfter, MaxBackoff: genesysMaxBackoff,
		TracerProvider: tel.TracerProvider(), Observe: metrics.Call, ObserveToken: metrics.TokenExpires,
	}, p.log)
	if err != nil {
		return nil, usageError{fmt.Errorf("GENESYS_ENVIRONMENT, HOOKPROOF_GENESYS_API_URL, HOOKPROOF_GENESYS_LOGIN_URL: %w", err)}
	}
	return client, nil
}

// provisioning returns a provisioner's configuration, but for its client.
func (f genesysFlags) provisioning(secrets secret.Resolver) provisioner.Config {
	return provisioner.Config{
		Instance: instance("provisioner"), Secrets: secrets, Check: webhook.Options{AllowPrivateTargets: f.AllowPrivateTargets},
		Recheck: f.Recheck, AddressGrace: f.AddressGrace, RemovalGrace: f.RemovalGrace, Lease: f.ProvisionerLease,
	}
}
