package webhook_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hookproof/hookproof/pkg/webhook"
)

// read is how every caller reads a document.
func read(text string, o webhook.Options) (webhook.Webhook, error) {
	w, err := webhook.ParseJSON([]byte(text))
	return w, webhook.Merge(err, w.Check(o))
}

func fieldsOf(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	fields, ok := errors.AsType[webhook.FieldErrors](err)
	if !ok {
		t.Fatalf("error %v is %T, want FieldErrors", err, err)
	}
	var paths []string
	for _, f := range fields {
		paths = append(paths, f.Field)
	}
	return paths
}

func TestEveryWrongFieldIsNamed(t *testing.T) {
	for _, d := range documents() {
		t.Run(d.name, func(t *testing.T) {
			_, err := read(d.json, webhook.Options{})
			if got := fieldsOf(t, err); !reflect.DeepEqual(got, d.wrong) {
				t.Errorf("wrong fields = %q, want %q\n%v", got, d.wrong, err)
			}
		})
	}
}

func TestSchemaAgrees(t *testing.T) {
	b, err := os.ReadFile("../../deploy/webhook.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("webhook.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("webhook.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents() {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(d.json))
		if err != nil {
			t.Fatal(err)
		}
		err = schema.Validate(v)
		if refused, want := err != nil, len(d.wrong) > 0 && !d.beyond; refused != want {
			t.Errorf("%s: the schema refuses = %v, want %v: %v", d.name, refused, want, err)
		}
	}
}

func TestSchemaNamesEveryField(t *testing.T) {
	b, err := os.ReadFile("../../deploy/webhook.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(b, &schema); err != nil {
		t.Fatal(err)
	}
	typ := reflect.TypeFor[webhook.Webhook]()
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if _, ok := schema.Properties[name]; !ok {
			t.Errorf("the schema has no property %q", name)
		}
		if _, err := webhook.ParseJSON([]byte(`{"` + name + `":null}`)); !strings.Contains(err.Error(), "has no value") {
			t.Errorf("ParseJSON does not know %q: %v", name, err)
		}
		delete(schema.Properties, name)
	}
	if len(schema.Properties) > 0 {
		t.Errorf("the schema has properties that no field has: %v", schema.Properties)
	}
}

func TestSchemaDefaults(t *testing.T) {
	b, err := os.ReadFile("../../deploy/webhook.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]struct{ Default any } `json:"properties"`
	}
	if err := json.Unmarshal(b, &schema); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"state": string(webhook.Present), "replay": string(webhook.ReplayOn), "maxBodyBytes": float64(webhook.DefaultMaxBodyBytes),
		"tolerance": webhook.DefaultTolerance, "secretOverlap": webhook.DefaultSecretOverlap}
	for name, p := range schema.Properties {
		got := p.Default
		if text, ok := got.(string); ok {
			if d, err := time.ParseDuration(text); err == nil {
				got = d
			}
		}
		if got != want[name] {
			t.Errorf("default of %s in the schema = %v, want %v", name, got, want[name])
		}
	}
}

func TestEncodeRoundTrip(t *testing.T) {
	for _, d := range goodDocuments() {
		first, err := webhook.ParseJSON([]byte(d.json))
		if err != nil {
			t.Fatal(err)
		}
		b, err := webhook.Encode(first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := webhook.ParseJSON(b)
		if err != nil || !reflect.DeepEqual(first, second) {
			t.Errorf("%s: after a round trip %+v, %v, want %+v", d.name, second, err, first)
		}
		var plain webhook.Webhook
		if err := json.Unmarshal(b, &plain); err != nil || !reflect.DeepEqual(first, plain) {
			t.Errorf("%s: encoding/json reads %+v, %v, want %+v", d.name, plain, err, first)
		}
	}
}

func TestSyntax(t *testing.T) {
	tests := []struct{ name, doc, want string }{
		{"empty", ``, "too early"},
		{"half", `{"webhook":"w"`, "too early"},
		{"not JSON", `webhook: w`, "invalid character"},
		{"a list", `[]`, "not a JSON object"},
		{"null", `null`, "not a JSON object"},
		{"trailing object", `{"webhook":"w"} {}`, "more after the object"},
		{"trailing text", `{"webhook":"w"} x`, "more after the object"},
		{"not UTF-8", "{\"webhook\":\"\xff\"}", "UTF-8"},
		{"deep", strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat(`}`, 200), "nested"},
		{"large", `{"name":"` + strings.Repeat("x", 300<<10) + `"}`, "bytes"},
	}
	for _, tt := range tests {
		_, err := webhook.ParseJSON([]byte(tt.doc))
		if !errors.Is(err, webhook.ErrSyntax) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: ParseJSON = %v, want ErrSyntax with %q", tt.name, err, tt.want)
		}
	}
}

func TestDuplicateKeys(t *testing.T) {
	_, err := read(`{`+minimal+`,"secret":"env:HOOKPROOF_SECRET_B","rateLimit":{"burstSize":1,"burstSize":2,"maxRequestsPerSecond":1}}`, webhook.Options{})
	if got, want := fieldsOf(t, err), []string{"rateLimit.burstSize", "secret"}; !reflect.DeepEqual(got, want) {
		t.Errorf("wrong fields = %q, want %q", got, want)
	}
}

// TestNothingSecretInErrors puts a canary wherever a secret may stand by mistake.
func TestNothingSecretInErrors(t *testing.T) {
	const canary = "Canary-0123456789"
	for _, doc := range []string{
		`{"webhook":"w","kind":"none","secret":"` + canary + `"}`,
		`{"webhook":"w","kind":"none","secret":["` + canary + `"]}`,
		`{"webhook":"w","kind":"none","secret":{"value":"` + canary + `"}}`,
		`{"webhook":"w","kind":"none","secret":"sealed:` + canary + `"}`,
		`{"webhook":"w","kind":"none","secret":"` + canary,
		`{"webhook":"w","kind":"none","secret":"` + canary + `\x"}`,
		`{"webhook":"w","kind":"none","secret":"` + canary + `"} "` + canary + `"`,
		`{` + minimal + `,"targetUri":"https://user:` + canary + `@hooks.example.com"}`,
		`{` + minimal + `,"targetUri":"https://hooks.example.com/%zz` + canary + `"}`,
		`{` + minimal + `,"webhookHeaders":{"Authorization":"` + canary + `"}}`,
		`{"webhook":"w","kind":"open-messaging","webhookHeaders":{"Authorization":"` + canary + `\u0001"}}`,
		`{` + minimal + `,"tolerance":"` + canary + `"}`,
	} {
		if _, err := read(doc, webhook.Options{}); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("error of %s: %v", doc, err)
		}
	}
	for _, doc := range []string{"secret: *" + canary, "secret: '" + canary, "secret: !" + canary + " x", "secret: @" + canary, "secret: " + canary + ": x"} {
		if _, err := webhook.ParseYAML([]byte(doc)); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("error of %s: %v", doc, err)
		}
	}
}
