package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
)

type simCmd struct {
	Listen          string  `help:"Address to listen on." env:"HOOKPROOF_SIM_LISTEN" default:"127.0.0.1:8090"`
	Rate            float64 `help:"Events a second for each enabled webhook." env:"HOOKPROOF_SIM_RATE" default:"1"`
	Forge           float64 `help:"Share of the events that are forged, 0 to 1." env:"HOOKPROOF_SIM_FORGE" default:"0"`
	InsecureTargets bool    `help:"Accept target URIs that Genesys Cloud refuses: http, and other ports than 443." env:"HOOKPROOF_SIM_INSECURE_TARGETS"`
}

// Help shows what --help prints below the usage.
func (simCmd) Help() string {
	return `Genesys Cloud as far as hookproof needs it: tokens, both kinds of webhook, connectivity tests, signed events.
Faults are switched on at POST /_sim/faults, what happened is at GET /_sim/state.

Example:
  hookproof sim --rate 5 --forge 0.2`
}

// Run simulates until a signal ends it.
func (c *simCmd) Run(ctx context.Context, p *process) error {
	if c.Forge < 0 || c.Forge > 1 {
		return usageError{fmt.Errorf("forge: %g is not between 0 and 1", c.Forge)}
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	client := genesystest.DemoClient()
	fmt.Fprintf(p.stdout, "Genesys Cloud simulator at http://%s\n", l.Addr())
	fmt.Fprintf(p.stdout, "GENESYS_CLIENT_ID=%s GENESYS_CLIENT_SECRET=%s\n", client.ID, client.Secret.Reveal()) // a well-known one
	return simulate(ctx, l, genesystest.Config{EventRate: c.Rate, ForgeRatio: c.Forge, AllowInsecureTargets: c.InsecureTargets, Log: p.log})
}

// simulate serves a simulator and sends its events until ctx ends.
func simulate(ctx context.Context, l net.Listener, cfg genesystest.Config) error {
	sim := genesystest.New(cfg)
	srv := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error { return sim.Run(running) })
	g.Go(func() error {
		<-running.Done()
		return srv.Close()
	})
	return g.Wait()
}
