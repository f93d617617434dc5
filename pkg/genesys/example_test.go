package genesys_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
)

// A creation whose answer was lost is looked up by its name, never sent again.
func ExampleClient_CreateWebhook() {
	sim := genesystest.New(genesystest.Config{})
	srv := httptest.NewServer(sim)
	defer srv.Close()
	demo := genesystest.DemoClient()
	client, err := genesys.New(genesys.Config{
		APIURL: srv.URL, LoginURL: srv.URL, // with a real organisation: Environment: "mypurecloud.de"
		ClientID: demo.ID, ClientSecret: demo.Secret,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	sim.Inject(genesystest.Fault{Op: "CreateWebhook", Kind: genesystest.GatewayTimeout})

	ctx := context.Background()
	w, err := client.CreateWebhook(ctx, genesys.Webhook{
		Name: "hookproof-genesys", URI: "https://hooks.example.com/webhooks/genesys", Events: []string{"conversation.start"},
		Security: genesys.Security{SecretKey: secret.New("thirty-two random bytes, encoded")},
	})
	if e, ok := errors.AsType[*genesys.Error](err); ok && e.Ambiguous() {
		fmt.Println("status", e.Status)
		found, err := client.FindWebhooksByName(ctx, "hookproof-genesys")
		if err != nil || len(found) == 0 {
			fmt.Println("not there", err)
			return
		}
		w = found[0]
	}
	fmt.Println(w.Name, "enabled:", w.Enabled)
	// Output:
	// status 504
	// hookproof-genesys enabled: false
}
