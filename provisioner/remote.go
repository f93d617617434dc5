package provisioner

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// remote is one of the two APIs of Genesys Cloud that know webhooks. Its errors are those of package genesys.
type remote interface {
	// fields returns the values that the wish decides about; what it leaves to Genesys Cloud is not among them.
	fields(w wish) fields
	get(ctx context.Context, id string) (entity, error)
	// list returns every webhook, the oldest first.
	list(ctx context.Context) ([]entity, error)
	create(ctx context.Context, w wish) (entity, error)
	// change writes the named fields, and others only where the API asks for them.
	change(ctx context.Context, id string, w wish, names []string) (entity, error)
	remove(ctx context.Context, id string) error
}

// remoteOf returns the API that knows webhooks of a kind, or nil where none does.
func remoteOf(kind webhook.Kind, c *genesys.Client) remote {
	switch {
	case c == nil:
		return nil
	case kind == webhook.KindWebhook:
		return hooks{c}
	case kind == webhook.KindOpenMessaging:
		return integrations{c}
	}
	return nil
}

// wish is what Genesys Cloud shall hold.
type wish struct {
	webhook.Webhook
	allowlist []netip.Prefix
	secret    secret.Text
	enabled   bool // where the API has such a switch
}

// entity is a webhook as Genesys Cloud shows it.
type entity struct {
	id, name, target string
	created          time.Time
	enabled          bool
	pending          bool // its creation goes on
	failed           bool // its creation ended in an error
	fields           fields
}

func oldestFirst(all []entity) []entity {
	slices.SortStableFunc(all, func(a, b entity) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.id, b.id))
	})
	return all
}

// fields are the values of a webhook by the API's names, without secrets.
type fields map[string]json.RawMessage

// Names of fields that are compared in ways of their own.
const (
	fieldSecret  = "secret"
	fieldEnabled = "enabled"
)

// value encodes one field's value.
func value(v any) json.RawMessage {
	b, _ := json.Marshal(v) // texts, numbers, lists and maps of texts: none fails
	return b
}

// sorted returns a list without regard to its order, never null.
func sorted(list []string) []string {
	out := append([]string{}, list...)
	slices.Sort(out)
	return out
}

// compare returns the fields of the wish that have to be written, and those of them that somebody changed by hand: that
// are no longer what Genesys Cloud showed when they were last written.
func compare(want, have fields, last webhook.Applied) (write, byHand []string) {
	for name, desired := range want {
		shown, known := last.Shown[name]
		changed := known && !bytes.Equal(have[name], shown)
		switch {
		case bytes.Equal(have[name], desired):
			continue
		case known && !changed && bytes.Equal(last.Sent[name], desired):
			continue // Genesys Cloud writes the value in its own way
		case changed:
			byHand = append(byHand, name)
		}
		write = append(write, name)
	}
	slices.Sort(write)
	slices.Sort(byHand)
	return write, byHand
}
