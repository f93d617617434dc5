package console

import (
	"bytes"
	"embed"
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/redrive"
)

//go:embed templates
var templates embed.FS

// partNames are the parts of the page that change, by the names of their templates.
var partNames = []string{"status", "panels", "minutes", "reasons", "refused", "webhooks", "streams"}

// page turns readings into HTML. All text that a stranger may have written goes through html/template, and through plain.
type page struct {
	cfg       Config
	templates *template.Template
}

func newPage(cfg Config) *page {
	p := &page{cfg: cfg}
	p.templates = template.Must(template.New("").Funcs(template.FuncMap{
		"at": clock, "iso": func(t time.Time) string { return t.UTC().Format(time.RFC3339) }, "n": grouped, "plain": plain,
		"day":     func(t time.Time) string { return t.UTC().Format(time.DateTime) },
		"percent": func(part float64) string { return strconv.FormatFloat(100*part, 'f', 1, 64) + " %" },
		"mul":     func(a, b float64) float64 { return a * b }, "explain": explainCommand, "traceURL": p.traceURL,
	}).ParseFS(templates, "templates/*.html"))
	return p
}

// parts renders each part.
func (p *page) parts(s snapshot) (map[string]string, error) {
	v := newView(s)
	parts := map[string]string{}
	for _, name := range partNames {
		var b bytes.Buffer
		if err := p.templates.ExecuteTemplate(&b, name, v); err != nil {
			return nil, err
		}
		parts[name] = b.String()
	}
	return parts, nil
}

// whole renders the page with a reading in it; nil stands for none.
func (p *page) whole(r *reading) ([]byte, error) {
	if r == nil {
		parts, err := p.parts(snapshot{Taken: time.Now(), Trouble: "no answer yet"})
		if err != nil {
			return nil, err
		}
		r = &reading{parts: parts}
	}
	parts := map[string]template.HTML{}
	for name, html := range r.parts {
		parts[name] = template.HTML(html) // #nosec G203 -- the templates above made it, which escape
	}
	var b bytes.Buffer
	err := p.templates.ExecuteTemplate(&b, "page.html", struct {
		Config
		Parts map[string]template.HTML
	}{p.cfg, parts})
	return b.Bytes(), err
}

// traceURL returns the address of an entry's trace, empty where there is none to find.
func (p *page) traceURL(e audit.Entry) string {
	if !e.Traced || e.TraceID == "" {
		return ""
	}
	return p.cfg.TraceURL.of(e.TraceID)
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// explainCommand returns the command that explains a request, empty where its id is none that an ingress gives: what is
// copied into a shell must not be a stranger's text.
func explainCommand(id string) string {
	if !uuidForm.MatchString(id) {
		return ""
	}
	return "hookproof explain " + id
}

// redriveCommand returns the command that lists what would be sent again, empty where it would be refused or unsafe.
func redriveCommand(webhook, reason, stream string) string {
	parked := stream == bus.StreamParked
	if !event.ValidWebhook(webhook) || !slices.Contains(redrive.Reasons(parked), event.Reason(reason)) {
		return ""
	}
	command := "hookproof redrive --webhook " + webhook + " --reason " + reason
	if parked {
		command += " --parked"
	}
	return command + " --since 1h --dry-run"
}

// plain replaces what is not seen as it is written: control characters, and those that turn the direction of text.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("15:04:05")
}

// grouped writes a number with a space, as narrow as there is, between thousands.
func grouped(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteRune('\u202f')
		}
		b.WriteRune(d)
	}
	return b.String()
}
