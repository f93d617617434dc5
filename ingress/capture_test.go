package ingress

import (
	"bufio"
	"bytes"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/route"
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

// FuzzCapture holds that whatever net/http reads as a header becomes a message that comes off the bus as it was put on, whose names
// a sender cannot choose.
func FuzzCapture(f *testing.F) {
	files, err := filepath.Glob("testdata/raw/header-*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(strings.NewReplacer("\n", "", `\r\n`, "\r\n", `\t`, "\t").Replace(string(a.Files[0].Data)))
	}
	f.Fuzz(func(t *testing.T, sent string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(sent)))
		if err != nil || !serves(r) {
			return
		}
		e, err := capture(r, route.Route{Webhook: "genesys"}, netip.Addr{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := event.Encode(e)
		for name := range m.Header {
			if !strings.HasPrefix(name, "Http-") && !strings.HasPrefix(name, "Hookproof-") && name != "Nats-Msg-Id" {
				t.Errorf("%q became the header %q", sent, name)
			}
		}
		wire := bytes.NewBufferString("NATS/1.0\r\n")
		if err := http.Header(m.Header).Write(wire); err != nil { // as nats.go does
			t.Fatal(err)
		}
		got, err := nats.DecodeHeadersMsg(append(wire.Bytes(), "\r\n"...))
		if err != nil || !reflect.DeepEqual(got, m.Header) {
			t.Errorf("%q came off the bus as %q, %v, want %q", sent, got, err, m.Header)
		}
	})
}

// serves reports whether net/http's server would pass a request to its handler: it refuses control characters, blanks in names,
// and blanks around a host, as a folded line leaves them.
func serves(r *http.Request) bool {
	control := func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }
	for name, values := range r.Header {
		if strings.Contains(name, " ") || strings.ContainsFunc(strings.Join(values, ""), control) {
			return false
		}
	}
	return strings.TrimSpace(r.Host) == r.Host
}
