package webhook_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/webhook"
)

func TestParseDocuments(t *testing.T) {
	const ok = "webhook: %\nkind: none\nsecret: env:WEBHOOK_SECRET\n"
	a, b := strings.ReplaceAll(ok, "%", "a"), strings.ReplaceAll(ok, "%", "b")
	const j = `{"webhook":"a","kind":"none","secret":"env:WEBHOOK_SECRET"}`
	tests := []struct {
		name, file, text string
		want             []string // name@line of each document
		problems         []string
	}{
		{"one", "f.yaml", a, []string{"a@1"}, nil},
		{"several", "f.yml", "# first\n---\n" + a + "---\n# none\n---\n\n" + b + "...\n", []string{"a@3", "b@10"}, nil},
		{"none", "f.yaml", "---\n# nothing\n---\n", nil, nil},
		{"empty", "f.yaml", "", nil, nil},
		{"JSON", "f.json", j + "\n\n" + j + j, []string{"a@1", "a@3", "a@3"}, nil},
		{"JSON, empty", "f.JSON", " \n", nil, nil},
		{"JSON in YAML", "f.yaml", j, []string{"a@1"}, nil},
		{"the second is broken", "f.yaml", a + "---\nwebhook: b\n kind: none\n---\n" + a, []string{"a@1", "@6"}, []string{"f.yaml:6: the document cannot be read: line 6: it is not YAML"}},
		{"the second is no object", "f.yaml", a + "---\n- b\n---\n" + b, []string{"a@1", "@5", "b@7"}, []string{"f.yaml:5: the document cannot be read: it is not a JSON object"}},
		{"an anchor", "f.yaml", "---\nwebhook: &x a\n", []string{"@2"}, []string{"f.yaml:2: the document cannot be read: line 2: anchors are not supported"}},
		{"broken JSON", "f.json", j + "\n{\"webhook\":\n}", []string{"a@1", "@3"}, []string{"f.json:3: the document cannot be read: it is not JSON, or ends too early"}},
		{"JSON that ends", "f.json", "{\"webhook\":", []string{"@1"}, []string{"f.json:1: the document cannot be read: it is not JSON, or ends too early"}},
		{"another file", "f.toml", a, []string{"@1"}, []string{`f.toml:1: the document cannot be read: the name ends in ".toml", not in .yaml, .yml or .json`}},
		{"too large", "f.yaml", "#" + strings.Repeat(" ", webhook.MaxFile), []string{"@1"}, []string{"f.yaml:1: the document cannot be read: the file has more than 8388608 bytes"}},
		{"fields", "f.yaml", "kind: none\nwebhook: a\nrateLimit:\n  burstSize: -1\nsecret:\n  env:WEBHOOK_SECRET\nallowlist:\n- 203.0.113.7\n- host\nnonsense: 1\nkind: none\n",
			[]string{"a@1"}, []string{`f.yaml:9: allowlist[1]: "host" is neither an address nor a CIDR`, "f.yaml:11: kind: is given twice", "f.yaml:10: nonsense: is not a field",
				"f.yaml:4: rateLimit.burstSize: -1 is not between 0 and 1000000", "f.yaml:3: rateLimit.maxRequestsPerSecond: 0 is not between 1 and 1000000"}},
		{"fields of JSON", "f.json", "\n{\"kind\": \"none\",\n \"secret\": \"env:WEBHOOK_SECRET\", \"allowlist\": [\n  \"203.0.113.7\",\n  \"host\"\n ],\n \"rateLimit\": {\n  \"burstSize\": \"x\"}}",
			[]string{"@2"}, []string{`f.json:5: allowlist[1]: "host" is neither an address nor a CIDR`, "f.json:8: rateLimit.burstSize: has to be a whole number",
				"f.json:7: rateLimit.maxRequestsPerSecond: 0 is not between 1 and 1000000", "f.json:2: webhook: is needed: the name under which the ingress is reached"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got, problems []string
			for _, d := range webhook.ParseDocuments(tt.file, []byte(tt.text)) {
				got = append(got, strings.Replace(d.Place(""), tt.file+":", d.Webhook.Webhook+"@", 1))
				problems = append(problems, d.Problems(webhook.Merge(d.Err, d.Check(webhook.Options{})))...)
			}
			for i, p := range problems { // what the YAML reader adds is its own
				if before, _, ok := strings.Cut(p, "it is not YAML"); ok {
					problems[i] = before + "it is not YAML"
				}
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("documents = %q, want %q", got, tt.want)
			}
			if !reflect.DeepEqual(problems, tt.problems) {
				t.Errorf("problems = %q\nwant %q", problems, tt.problems)
			}
		})
	}
}

// FuzzParseDocuments makes sure that no document is taken that reading it alone refuses, and that every error has a place.
func FuzzParseDocuments(f *testing.F) {
	for _, d := range documents() {
		f.Add([]byte(d.json), true)
		f.Add([]byte("---\n"+d.json+"\n---\n"+d.json), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, isJSON bool) {
		file := "f.yaml"
		if isJSON {
			file = "f.json"
		}
		for _, d := range webhook.ParseDocuments(file, b) {
			err := webhook.Merge(d.Err, d.Check(webhook.Options{}))
			if (err == nil) != (len(d.Problems(err)) == 0) || d.Line < 1 {
				t.Errorf("line %d: problems of %v = %q", d.Line, err, d.Problems(err))
			}
			if err != nil {
				continue
			}
			text, err := webhook.Encode(d.Webhook)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := webhook.ParseJSON(text); err != nil || len(webhook.Diff(&d.Webhook, &again)) > 0 {
				t.Errorf("%s reads again as %q, %v", text, webhook.Diff(&d.Webhook, &again), err)
			}
		}
	})
}

func TestDiff(t *testing.T) {
	read := func(text string) *webhook.Webhook {
		w, err := webhook.ParseYAML([]byte(text))
		if errors.Is(err, webhook.ErrSyntax) {
			t.Fatal(err)
		}
		return &w
	}
	const sealed = "sealed:XABC:"
	const base = "webhook: a\nkind: none\nsecret: env:WEBHOOK_SECRET\n"
	const open = "webhook: a\nkind: open-messaging\nsecret: generate\n"
	tests := []struct {
		name       string
		live, want string
		diff       []string
	}{
		{"the same", base, base, nil},
		{"defaults written out", base, base + "state: present\ntolerance: 300s\nreplay: on\nsecretOverlap: 10m\nmaxBodyBytes: 524288\nscheme: genesys-webhook\n", nil},
		{"order and spelling of addresses", base + "allowlist: [203.0.113.7, 192.0.2.0/24]\n", base + "allowlist: [192.0.2.0/24, 203.0.113.7/32]\n", nil},
		{"default burst", base + "rateLimit: {maxRequestsPerSecond: 5}\n", base + "rateLimit: {maxRequestsPerSecond: 5, burstSize: 5}\n", nil},
		{"default name", open, open + "name: hookproof-a\n", nil},
		{"a value", base, base + "tolerance: 60s\n", []string{"-tolerance: 5m0s", "+tolerance: 1m0s"}},
		{"a list", base + "allowlist: [203.0.113.7]\n", base + "allowlist: [203.0.113.7, 203.0.113.8]\n", []string{"+allowlist: 203.0.113.8/32"}},
		{"a custom scheme", base, base + "scheme: {signatureHeader: X-S, encoding: hex, signs: body}\n",
			[]string{"-scheme: genesys-webhook", "+scheme.encoding: hex", "+scheme.name: custom", "+scheme.signatureHeader: X-S", "+scheme.signs: body"}},
		{"absent", base, "webhook: a\nkind: none\nstate: absent\n", []string{"-maxBodyBytes: 524288", "-replay: on", "-scheme: genesys-webhook", "-secret: env:WEBHOOK_SECRET",
			"-secretOverlap: 10m0s", "-state: present", "+state: absent", "-tolerance: 5m0s"}},
		{"another reference", base, strings.Replace(base, "WEBHOOK_SECRET", "HOOKPROOF_SECRET_A", 1), []string{"-secret: env:WEBHOOK_SECRET", "+secret: env:HOOKPROOF_SECRET_A"}},
		{"sealed", base, strings.Replace(base, "env:WEBHOOK_SECRET", sealed+"aGlkZGVu", 1), []string{"-secret: env:WEBHOOK_SECRET", "+secret: sealed (content not shown)"}},
		{"sealed anew", strings.Replace(base, "env:WEBHOOK_SECRET", sealed+"aGlkZGVu", 1), strings.Replace(base, "env:WEBHOOK_SECRET", sealed+"b3RoZXI", 1),
			[]string{"-secret: sealed (content not shown)", "+secret: sealed (content not shown) (changed)"}},
		{"what may hold a token", open + "targetUri: https://user:hidden@hooks.example.com/a?token=hidden\nwebhookHeaders: {Authorization: hidden}\n",
			open + "targetUri: https://hooks.example.com/a?token=other\nwebhookHeaders: {Authorization: other}\n",
			[]string{"-targetUri: https://hooks.example.com/a?(content not shown)", "+targetUri: https://hooks.example.com/a?(content not shown) (changed)",
				"-webhookHeaders.Authorization: (content not shown)", "+webhookHeaders.Authorization: (content not shown) (changed)"}},
		{"no line of its own making", base, base + "name: \"x\\n+secret: y\"\n", []string{`+name: "x\n+secret: y"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := webhook.Diff(read(tt.live), read(tt.want)); !reflect.DeepEqual(got, tt.diff) {
				t.Errorf("Diff = %q\nwant %q", got, tt.diff)
			}
		})
	}
	if got := webhook.Diff(nil, nil); len(got) != 0 {
		t.Errorf("Diff(nil, nil) = %q, want none", got)
	}
	added, removed := webhook.Diff(nil, read(base)), webhook.Diff(read(base), nil)
	if len(added) != 9 || len(removed) != 9 || !strings.HasPrefix(added[0], "+") || !strings.HasPrefix(removed[0], "-") {
		t.Errorf("Diff from and to nothing = %q and %q, want every field", added, removed)
	}
}
