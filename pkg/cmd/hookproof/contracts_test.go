package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/webhook"
	"github.com/hookproof/hookproof/verifier"
)

// contracts are the documents of deploy/contracts.
type contracts struct {
	compiler *jsonschema.Compiler
	raw      map[string]any // the schemas by their file names
	asyncapi map[string]any
}

// contractsBase is where the ids of the schemas of deploy/contracts begin. What refers to one is resolved against it.
const contractsBase = "https://hookproof.github.io/hookproof/contracts/"

func readContracts(t *testing.T) *contracts {
	t.Helper()
	c := &contracts{compiler: jsonschema.NewCompiler(), raw: map[string]any{}}
	c.compiler.AssertFormat()
	files, err := filepath.Glob("../../../deploy/contracts/*.schema.json")
	if err != nil || len(files) != 3 {
		t.Fatalf("schemas = %q, %v, want 3", files, err)
	}
	for _, path := range append(files, "../../../deploy/webhook.schema.json") {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		schema, err := jsonschema.UnmarshalJSON(file)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		id := schema.(map[string]any)["$id"].(string)
		if !strings.HasSuffix(path, strings.TrimPrefix(id, "https://hookproof.github.io/hookproof")) {
			t.Errorf("%s has the id %s", path, id)
		}
		if err := c.compiler.AddResource(id, schema); err != nil {
			t.Fatal(err)
		}
		c.raw[filepath.Base(path)] = schema
	}
	text, err := os.ReadFile("../../../deploy/contracts/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &c.asyncapi); err != nil {
		t.Fatal(err)
	}
	return c
}

// schema compiles what a reference of the AsyncAPI document, such as "headers.schema.json#/$defs/verified", means.
func (c *contracts) schema(t *testing.T, ref string) *jsonschema.Schema {
	t.Helper()
	base, err := url.Parse(contractsBase)
	if err != nil {
		t.Fatal(err)
	}
	at, err := base.Parse(ref)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.compiler.Compile(at.String())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dig returns what stands under the keys, nil if nothing does.
func dig(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// textsOf returns the texts of an array.
func textsOf(v any) (out []string) {
	values, _ := v.([]any)
	for _, e := range values {
		out = append(out, e.(string))
	}
	return out
}

// headers returns the names of the headers that definitions of headers.schema.json describe.
func (c *contracts) headers(definitions ...string) map[string]bool {
	names := map[string]bool{}
	for _, d := range definitions {
		properties, _ := dig(c.raw["headers.schema.json"], "$defs", d, "properties").(map[string]any)
		for name := range properties {
			names[name] = true
		}
	}
	return names
}

// sourceConstants reads the text constants of a package: the values of those whose name has the prefix, and whose type, where one
// is named, is the one given.
func sourceConstants(t *testing.T, dir, prefix, typ string) (values []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../../..", dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || strings.HasSuffix(path, "_test.go") || len(spec.Values) != 1 {
				return true
			}
			named, _ := spec.Type.(*ast.Ident)
			literal, text := spec.Values[0].(*ast.BasicLit)
			if text && literal.Kind == token.STRING && strings.HasPrefix(spec.Names[0].Name, prefix) && (named == nil && typ == "" || named != nil && named.Name == typ) {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, value)
			}
			return true
		})
	}
	if len(values) == 0 {
		t.Fatalf("%s has no constants %s* of type %q", dir, prefix, typ)
	}
	return values
}

// agree wants two lists to hold the same, in any order.
func agree(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if slices.Equal(got, want) {
		return
	}
	within := func(list []string) func(string) bool { return func(s string) bool { return slices.Contains(list, s) } }
	t.Errorf("%s: %d, want %d; beyond what is wanted %q, missing %q", what, len(got), len(want),
		slices.DeleteFunc(slices.Clone(got), within(want)), slices.DeleteFunc(slices.Clone(want), within(got)))
}

// TestContractsNameWhatTheCodeNames holds the documents against the code, both ways: subjects, headers, reasons, details and
// phases. Constants are read from the source, so that a new one cannot be forgotten.
func TestContractsNameWhatTheCodeNames(t *testing.T) {
	c := readContracts(t)
	var roots []string
	for _, channel := range dig(c.asyncapi, "channels").(map[string]any) {
		root, parameter, _ := strings.Cut(dig(channel, "address").(string), ".")
		if parameter != "{webhook}" {
			t.Errorf("%s: the second token is %s", root, parameter)
		}
		roots = append(roots, root)
	}
	agree(t, "subjects", roots, []string{event.Unverified, event.Verified, event.Rejected, event.Parked, webhook.ConfigRoot, webhook.StatusRoot})

	code := append(append(sourceConstants(t, "pkg/event", "Header", ""), sourceConstants(t, "pkg/event", "headerMsgID", "")...), "traceparent", "tracestate")
	documented := c.headers("unverified", "verified", "rejected", "parked", "config", "captured", "judged")
	agree(t, "headers", slices.Collect(maps.Keys(documented)), code)
	for name := range event.Encode(&event.Request{Attempt: 1}).Header {
		if !c.headers("unverified", "captured")[name] {
			t.Errorf("a captured request has the header %s, which is not described there", name)
		}
	}
	prefix := sourceConstants(t, "pkg/event", "httpPrefix", "")
	if dig(c.raw["headers.schema.json"], "$defs", "captured", "patternProperties", "^"+prefix[0]) == nil {
		t.Errorf("no headers that begin with %s are described", prefix[0])
	}

	reject := textsOf(dig(c.raw["headers.schema.json"], "$defs", "rejectReason", "enum"))
	park := textsOf(dig(c.raw["headers.schema.json"], "$defs", "parkReason", "enum"))
	var reasons, parkReasons []string
	for _, r := range event.Reasons() {
		reasons = append(reasons, string(r))
	}
	for _, r := range event.ParkReasons() {
		parkReasons = append(parkReasons, string(r))
	}
	agree(t, "reasons for a rejection", reject, reasons)
	agree(t, "reasons for parking", park, parkReasons)
	agree(t, "reasons", slices.Concat(reject, park), sourceConstants(t, "pkg/event", "", "Reason"))
	agree(t, "details", textsOf(dig(c.raw["headers.schema.json"], "$defs", "rejectDetail", "enum")), sourceConstants(t, "pkg/event", "Detail", ""))
	agree(t, "phases", textsOf(dig(c.raw["config-status.schema.json"], "properties", "phase", "enum")), sourceConstants(t, "pkg/webhook", "Phase", "Phase"))
	agree(t, "audit statuses", textsOf(dig(c.raw["audit.schema.json"], "$defs", "status", "enum")), sourceConstants(t, "verifier", "Status", ""))
}

// TestContractsNameEveryField holds the properties of a schema, and those that it requires, against the fields of the type
// that is written.
func TestContractsNameEveryField(t *testing.T) {
	c := readContracts(t)
	for _, x := range []struct {
		file string
		at   []string
		typ  reflect.Type
	}{
		{"config-status.schema.json", nil, reflect.TypeFor[webhook.Status]()},
		{"config-status.schema.json", []string{"$defs", "fieldError"}, reflect.TypeFor[webhook.FieldError]()},
		{"config-status.schema.json", []string{"$defs", "secret"}, reflect.TypeFor[webhook.SecretEpoch]()},
		{"config-status.schema.json", []string{"$defs", "test"}, reflect.TypeFor[webhook.Test]()},
		{"config-status.schema.json", []string{"$defs", "drift"}, reflect.TypeFor[webhook.Drift]()},
		{"config-status.schema.json", []string{"$defs", "step"}, reflect.TypeFor[webhook.Step]()},
		{"audit.schema.json", []string{"$defs", "line"}, reflect.TypeFor[verifier.AuditLine]()},
		{"audit.schema.json", []string{"$defs", "page"}, reflect.TypeFor[audit.Page]()},
		{"audit.schema.json", []string{"$defs", "entry"}, reflect.TypeFor[audit.Entry]()},
	} {
		var fields, always []string
		for i := range x.typ.NumField() {
			name, options, _ := strings.Cut(x.typ.Field(i).Tag.Get("json"), ",")
			fields = append(fields, name)
			if options == "" {
				always = append(always, name)
			}
		}
		schema := dig(c.raw[x.file], x.at...)
		properties, _ := dig(schema, "properties").(map[string]any)
		agree(t, "fields of "+x.typ.String(), slices.Collect(maps.Keys(properties)), fields)
		agree(t, "fields that "+x.typ.String()+" always has", textsOf(dig(schema, "required")), always)
	}
}

// TestContractsExamples holds each example of the AsyncAPI document against the schemas that stand beside it.
func TestContractsExamples(t *testing.T) {
	c, n := readContracts(t), 0
	for name, m := range dig(c.asyncapi, "components", "messages").(map[string]any) {
		examples, _ := dig(m, "examples").([]any)
		for _, example := range examples {
			for _, part := range []string{"headers", "payload"} {
				ref, _ := dig(m, part, "$ref").(string)
				if strings.HasPrefix(ref, "#") || dig(example, part) == nil {
					continue
				}
				n++
				if err := c.schema(t, ref).Validate(dig(example, part)); err != nil {
					t.Errorf("%s of the example of %s: %v", part, name, err)
				}
			}
		}
	}
	if n < 4 {
		t.Errorf("only %d examples were found", n)
	}
}
