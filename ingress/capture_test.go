package ingress

import (
	"net/url"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hookproof/hookproof/pkg/event"
)

// FuzzWebhookOf holds that no path leads to a subject of another shape: it names a webhook or nothing.
func FuzzWebhookOf(f *testing.F) {
	for _, path := range []string{"/webhooks/genesys", "/webhooks/", "/webhooks/a.b", "/webhooks/*", "/webhooks/>", "/webhooks/a b", "/webhooks/\x00", "/webhooks/../x", "/webhooks/é", "/webhooks/%67enesys", "/webhooks%2Fgenesys", "/webhooks/a%2Fb", "/webhooks/%zz"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		name := webhookOf(path)
		if name == "" {
			return
		}
		subject := event.Subject(event.Unverified, name)
		unescaped, err := url.PathUnescape(path)
		if err != nil || unescaped != "/webhooks/"+name || !strings.HasPrefix(path, "/webhooks/") || !server.IsValidLiteralSubject(subject) || !server.SubjectsCollide(subject, "unverified.*") {
			t.Errorf("webhookOf(%q) = %q", path, name)
		}
	})
}
