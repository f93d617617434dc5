package console

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/health"
)

// Config says what a console shows. What is nil or false is not visible to the role.
type Config struct {
	Instance  string           // this process, as the page's heading names it
	Version   string           // of the program
	TraceURL  TraceURL         // what a traced request links to
	Streams   []string         // by name, whose room is shown
	Consumers []health.Durable // whose backlog is shown
	Audit     *audit.Audit     // what was verified and refused, and what is enforced
	Webhooks  bool             // the provisioner's records
}

const (
	path       = "/console"
	maxViewers = 64 // event streams at once; each holds a connection and nothing else
	// beat is how often an event stream says that it is there, and writeTime how long a browser may take to read.
	beat      = 5 * time.Second
	writeTime = 10 * time.Second
)

// TraceURL is the address of a trace, with {trace} in place of its id. The zero value is none.
type TraceURL string

const traceMark = "{trace}"

// UnmarshalText reads an http or https URL that holds {trace}, and nothing that not every reader of the page may see.
func (t *TraceURL) UnmarshalText(text []byte) error {
	u, err := url.Parse(strings.ReplaceAll(string(text), traceMark, "0"))
	switch {
	case len(text) == 0:
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("it is not an http or https URL")
	case !bytes.Contains(text, []byte(traceMark)):
		return fmt.Errorf("it does not hold %s in place of the trace's id", traceMark)
	case u.User != nil:
		return errors.New("it holds credentials, which every reader of the page would see")
	}
	*t = TraceURL(text)
	return nil
}

// of returns the address of one trace, empty where there is none.
func (t TraceURL) of(id string) string { return strings.ReplaceAll(string(t), traceMark, id) }

// Console serves the page. It is safe for concurrent use.
type Console struct {
	page *page
	feed *feed
	log  *slog.Logger
}

// New returns a console over a bus; Run keeps it up to date.
func New(cfg Config, b *bus.Bus, log *slog.Logger) *Console {
	p := newPage(cfg)
	return &Console{p, newFeed(newReader(cfg, b, log), p, log), log}
}

// Run reads while somebody looks, until ctx ends. It then ends the event streams and returns nil.
func (c *Console) Run(ctx context.Context) error { return c.feed.run(ctx) }

//go:embed static
var static embed.FS

// Mount adds the console to the admin listener.
func (c *Console) Mount(s *admin.Server) {
	files, _ := fs.Sub(static, "static") // errs only on a name that is no path
	add := func(pattern string, h http.Handler) { s.HandlePrivate(pattern, secured(h)) }
	add("GET /{$}", http.RedirectHandler(path, http.StatusFound))
	add("GET "+path, http.HandlerFunc(c.servePage))
	add("GET "+path+"/events", http.HandlerFunc(c.serveEvents))
	add("GET "+path+"/static/", http.StripPrefix(path+"/static/", http.FileServerFS(files)))
}

// secured lets a browser load nothing from elsewhere, run no script but the console's own file, and put the page in no frame.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
				"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			"Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		} {
			w.Header().Set(name, value)
		}
		h.ServeHTTP(w, r)
	})
}

func (c *Console) servePage(w http.ResponseWriter, r *http.Request) {
	html, err := c.page.whole(c.feed.fresh(r.Context()))
	if err != nil {
		c.log.ErrorContext(r.Context(), "console page", "error", err)
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(html) // the reader may be gone
}

// update is one part of the page, as an event carries it.
type update struct {
	Part string `json:"part"`
	HTML string `json:"html"`
}

// serveEvents sends every part of the page, and then each again when it changes. A browser that reads slowly misses states
// in between and nothing else; one that does not read is let go.
func (c *Console) serveEvents(w http.ResponseWriter, r *http.Request) {
	leave, err := c.feed.join()
	if err != nil {
		w.Header().Set("Retry-After", "10")
		admin.WriteJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "unavailable", "message": err.Error()})
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy must not wait for more
	send := eventWriter(w)
	idle := time.NewTicker(beat)
	defer idle.Stop()
	sent := map[string]string{}
	for {
		now, changed := c.feed.latest()
		if err := sendChanges(send, now, sent); err != nil {
			return
		}
		select {
		case <-changed:
		case <-idle.C:
			err = send("beat", "{}")
		case <-r.Context().Done():
			return
		case <-c.feed.stopped:
			_ = send("end", "{}") // the browser may be gone
			return
		}
		if err != nil {
			return
		}
	}
}

// eventWriter returns what writes one event.
func eventWriter(w http.ResponseWriter) func(event, data string) error {
	control := http.NewResponseController(w)
	return func(event, data string) error {
		err := control.SetWriteDeadline(time.Now().Add(writeTime))
		if err == nil {
			_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data)
		}
		return cmp.Or(err, control.Flush())
	}
}

// sendChanges sends the parts that differ from what was sent.
func sendChanges(send func(event, data string) error, now *reading, sent map[string]string) error {
	if now == nil {
		return send("beat", "{}")
	}
	for _, name := range partNames {
		html := now.parts[name]
		if last, is := sent[name]; is && last == html {
			continue
		}
		data, err := json.Marshal(update{name, html})
		if err != nil {
			return err
		}
		if err := send("part", string(data)); err != nil {
			return err
		}
		sent[name] = html
	}
	return nil
}
