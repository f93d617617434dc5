package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/hookproof/hookproof/"

// allowedImports is the import graph: what each package may import of this module. Imports go one way, from the command to
// the roles to pkg, and roles never import each other.
var allowedImports = map[string][]string{
	"pkg/cmd/hookproof":           {"ingress", "verifier", "provisioner", "pkg/admin", "pkg/audit", "pkg/bus", "pkg/console", "pkg/event", "pkg/explain", "pkg/genesys", "pkg/genesys/genesystest", "pkg/health", "pkg/policy", "pkg/redrive", "pkg/secret", "pkg/signature", "pkg/telemetry", "pkg/webhook"},
	"ingress":                     {"pkg/bus", "pkg/event", "pkg/failpoint", "pkg/planted", "pkg/policy", "pkg/route", "pkg/telemetry"},
	"verifier":                    {"pkg/bus", "pkg/check", "pkg/event", "pkg/failpoint", "pkg/jsonpointer", "pkg/planted", "pkg/policy", "pkg/signature", "pkg/telemetry"},
	"provisioner":                 {"pkg/bus", "pkg/event", "pkg/failpoint", "pkg/genesys", "pkg/policy", "pkg/route", "pkg/secret", "pkg/signature", "pkg/telemetry", "pkg/webhook"},
	"pkg/admin":                   {"pkg/secret"},
	"pkg/audit":                   {"pkg/admin", "pkg/bus", "pkg/event", "pkg/policy", "pkg/telemetry"},
	"pkg/bus":                     {"pkg/planted"},
	"pkg/bus/bustest":             {"pkg/bus"},
	"pkg/check":                   {"pkg/event", "pkg/policy"},
	"pkg/console":                 {"pkg/admin", "pkg/audit", "pkg/bus", "pkg/event", "pkg/health", "pkg/redrive", "pkg/webhook"},
	"pkg/event":                   {"pkg/planted"},
	"pkg/explain":                 {"pkg/bus", "pkg/check", "pkg/event", "pkg/policy", "pkg/redrive", "pkg/telemetry"},
	"pkg/failpoint":               {},
	"pkg/genesys":                 {"pkg/secret"},
	"pkg/genesys/genesystest":     {"pkg/genesys", "pkg/secret"},
	"pkg/health":                  {"pkg/admin", "pkg/bus", "pkg/failpoint", "pkg/telemetry"},
	"pkg/jsonpointer":             {},
	"pkg/planted":                 {},
	"pkg/policy":                  {"pkg/bus", "pkg/secret", "pkg/signature"},
	"pkg/redrive":                 {"pkg/bus", "pkg/event", "pkg/policy"},
	"pkg/route":                   {"pkg/bus"},
	"pkg/secret":                  {},
	"pkg/signature":               {"pkg/secret"},
	"pkg/telemetry":               {"pkg/event"},
	"pkg/telemetry/telemetrytest": {},
	"pkg/webhook":                 {"pkg/bus", "pkg/event", "pkg/jsonpointer", "pkg/policy", "pkg/route", "pkg/secret", "pkg/signature"},
}

// reserved names packages that only one package of this module may import.
var reserved = map[string]string{
	"github.com/nats-io/nats.go/jetstream":             "pkg/bus",
	"github.com/nats-io/nats-server/v2/server":         "pkg/bus",
	"github.com/synadia-io/orbit.go/jetstreamext":      "pkg/bus",
	"github.com/alecthomas/kong":                       "pkg/cmd/hookproof",
	"golang.org/x/oauth2":                              "pkg/genesys",
	"golang.org/x/oauth2/clientcredentials":            "pkg/genesys",
	"go.opentelemetry.io/contrib/exporters/autoexport": "pkg/telemetry",
	"go.opentelemetry.io/otel/exporters/prometheus":    "pkg/telemetry",
}

// TestImports holds the packages, without their tests, against the table.
func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := allowedImports[name]
		if !known {
			t.Errorf("package %s is not in the table: say what it may import", name)
			continue
		}
		seen[name] = true
		for _, imported := range p.Imports {
			if short, own := strings.CutPrefix(imported, module); own && !slices.Contains(allowed, short) {
				t.Errorf("%s imports %s", name, short)
			}
			if owner, is := reserved[imported]; is && owner != name {
				t.Errorf("%s imports %s, which is for %s alone", name, imported, owner)
			}
		}
	}
	for name := range allowedImports {
		if !seen[name] {
			t.Errorf("package %s is in the table but does not exist", name)
		}
	}
}

type listedPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../../.."
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var list []listedPackage
	for d := json.NewDecoder(out); ; {
		var p listedPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return list
}
