package webhook_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/webhook"
)

func TestYAMLIsReadAsTheJSONThatItStandsFor(t *testing.T) {
	const doc = `
# verification only
webhook: orders
kind: none
generation: 0x10
secret: env:WEBHOOK_SECRET
secretOverlap: 90s
allowlist: [203.0.113.0/24, "::ffff:192.0.2.1"]
replay: off        # a text in YAML 1.2
name: 2024-01-01   # so is a date
maxBodyBytes: 1_000
rateLimit: {maxRequestsPerSecond: 50, burstSize: 100}
scheme:
  signatureHeader: X-Sig
  encoding: hex
  signs: body
  list: yes-not-a-bool
`
	_, err := webhook.ParseFile("a.yaml", []byte(doc))
	if got, want := fieldsOf(t, err), []string{"scheme.list"}; !reflect.DeepEqual(got, want) {
		t.Fatalf("wrong fields = %q, want %q", got, want)
	}
	got, err := webhook.ParseFile("dir/A.YML", []byte(strings.ReplaceAll(doc, "yes-not-a-bool", "true")))
	if err != nil {
		t.Fatal(err)
	}
	want, err := webhook.ParseFile("a.json", []byte(`{"webhook":"orders","kind":"none","generation":16,"secret":"env:WEBHOOK_SECRET","secretOverlap":"90s",
		"allowlist":["203.0.113.0/24","::ffff:192.0.2.1"],"replay":"off","name":"2024-01-01","maxBodyBytes":1000,
		"rateLimit":{"maxRequestsPerSecond":50,"burstSize":100},"scheme":{"signatureHeader":"X-Sig","encoding":"hex","signs":"body","list":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("YAML = %+v\nJSON = %+v", got, want)
	}
}

func TestYAMLThatIsRefused(t *testing.T) {
	tests := []struct{ name, doc, want string }{
		{"empty", "", "not exactly one"},
		{"comment", "# nothing\n", "not exactly one"},
		{"two documents", "webhook: a\n---\nwebhook: b\n", "not exactly one"},
		{"a list", "- webhook\n", "not a JSON object"},
		{"a text", "webhook\n", "not a JSON object"},
		{"anchor", "webhook: &x a\nname: *x\n", "line 1: anchors"},
		{"unknown anchor", "webhook: *x\n", "line 1: anchors"},
		{"merge key", "<<: {webhook: a}\n", "line 1: a key"},
		{"number as key", "1: a\n", "line 1: a key"},
		{"tag", "webhook: !x a\n", "line 1: tags"},
		{"tab", "webhook: a\n\tname: b\n", "line "},
		{"not a number", "maxBodyBytes: .nan\n", "line 1: the number"},
		{"huge number", "maxBodyBytes: 99999999999999999999\n", ""},
	}
	for _, tt := range tests {
		_, err := webhook.ParseYAML([]byte(tt.doc))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: ParseYAML = %v, want %q", tt.name, err, tt.want)
		}
	}
	_, err := webhook.ParseYAML([]byte("webhook: a\nwebhook: b\nrateLimit:\n"))
	if got, want := fieldsOf(t, err), []string{"rateLimit", "webhook"}; !reflect.DeepEqual(got, want) {
		t.Errorf("wrong fields = %q, want %q", got, want)
	}
	if _, err := webhook.ParseFile("webhook.toml", nil); !errors.Is(err, webhook.ErrSyntax) {
		t.Errorf("ParseFile(.toml) = %v, want ErrSyntax", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, d := range documents() {
		f.Add([]byte(d.json))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func([]byte) (webhook.Webhook, error){webhook.ParseJSON, webhook.ParseYAML} {
			w, err := parse(b)
			if webhook.Merge(err, w.Check(webhook.Options{})) != nil {
				continue
			}
			text, err := webhook.Encode(w)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := webhook.ParseJSON(text); err != nil || !reflect.DeepEqual(normal(w), normal(again)) {
				t.Errorf("%s\nbecame %s: %v", b, text, err)
			}
		}
	})
}

// normal forgets the difference between an empty list and none, where there is none.
func normal(w webhook.Webhook) webhook.Webhook {
	if len(w.Events) == 0 {
		w.Events = nil
	}
	if len(w.WebhookHeaders) == 0 {
		w.WebhookHeaders = nil
	}
	return w
}
