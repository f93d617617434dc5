package load

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

// request is one that is about to be sent.
type request struct {
	kind    string
	webhook string
	header  http.Header
	client  string
	body    []byte
	chunked bool // without a Content-Length
}

// step is what a sender does next: one request, or two copies at once.
type step struct {
	request
	before *request // sent and answered before
	twin   bool
	retry  bool // as a sender does that was not answered with 2xx
}

// kinds and how often of a hundred they come.
var kinds = []struct {
	share int
	name  string
}{
	{36, "genuine"}, {4, "foretold"}, {10, "twin"}, {14, "copy"}, {8, "restamped"}, {12, "forged"}, {5, "skewed"}, {3, "unsigned"}, {4, "foreign"},
	{2, "oversized"}, {2, "unknown"},
}

// remembered is how many genuine requests a generator can copy from.
const remembered = 64

// generator makes what one sender sends. The same seed makes the same kinds in the same order; times and so signatures
// differ. It is not safe for concurrent use.
type generator struct {
	rng      *rand.Rand
	sender   int
	webhooks []*Webhook
	n        int
	former   []former
}

// former is a genuine request that can be sent again.
type former struct {
	w    *Webhook
	id   string
	body []byte
	request
}

func newGenerator(seed uint64, sender int, webhooks []*Webhook) *generator {
	return &generator{rng: rand.New(rand.NewPCG(seed, uint64(sender))), sender: sender, webhooks: webhooks}
}

func (g *generator) next() step {
	kind := g.kind()
	if (kind == "copy" || kind == "restamped") && len(g.former) == 0 {
		kind = "genuine"
	}
	w := g.webhooks[g.rng.IntN(len(g.webhooks))]
	switch kind {
	case "genuine", "twin":
		f := g.genuine(w)
		f.kind = kind
		return step{request: f.request, twin: kind == "twin", retry: true}
	case "foretold": // a forgery of an event comes before the event
		f := g.genuine(w)
		f.kind = kind
		forgery := request{kind: "forged", webhook: f.webhook, header: f.header.Clone(), client: f.client, body: f.body}
		g.forge(w, forgery.header, f.id, time.Now(), f.body)
		return step{request: f.request, before: &forgery, retry: true}
	case "copy", "restamped":
		f := g.former[g.rng.IntN(len(g.former))]
		f.kind = kind
		if kind == "restamped" {
			f.header = g.restamped(f)
		}
		return step{request: f.request}
	}
	return step{request: g.wrong(kind, w)}
}

// bursts draws whether a sender does many steps at once now.
func (g *generator) bursts() bool { return g.rng.IntN(40) == 0 }

func (g *generator) kind() string {
	dice := g.rng.IntN(100)
	for _, k := range kinds {
		if dice -= k.share; dice < 0 {
			return k.name
		}
	}
	return "genuine"
}

// genuine makes an event that never was before.
func (g *generator) genuine(w *Webhook) former {
	g.n++
	id := fmt.Sprintf("msg-%d-%d", g.sender, g.n)
	body := g.body(w, id, time.Now())
	f := former{w: w, id: id, body: body, request: request{webhook: w.Name, header: w.sign(w.Secret(), id, time.Now(), body),
		client: g.address(w.Inside), body: body, chunked: g.rng.IntN(20) == 0}}
	g.decorate(f.header)
	if len(g.former) < remembered {
		g.former = append(g.former, f)
	} else {
		g.former[g.rng.IntN(remembered)] = f
	}
	return f
}

// restamped is what a thief can do: a new time beside the old signature. Where the time is signed the sender itself, that
// tries again, signs anew half of the time.
func (g *generator) restamped(f former) http.Header {
	h := f.header.Clone()
	fresh := f.w.sign(f.w.Secret(), f.id, time.Now(), f.body)
	switch f.w.Scheme {
	case history.GenesysWebhook:
		h.Set("X-Genesys-Timestamp", fresh.Get("X-Genesys-Timestamp"))
	case history.StandardWebhooks:
		h.Set("Webhook-Timestamp", fresh.Get("Webhook-Timestamp"))
		if g.rng.IntN(2) == 0 {
			h.Set("Webhook-Signature", fresh.Get("Webhook-Signature"))
		}
	}
	return h
}

// wrong makes a request that must not be verified.
func (g *generator) wrong(kind string, w *Webhook) request {
	g.n++
	id := fmt.Sprintf("bad-%d-%d", g.sender, g.n)
	at, client := time.Now(), g.address(w.Inside)
	switch kind {
	case "skewed":
		at = at.Add([]time.Duration{-time.Hour, time.Hour, -20 * time.Minute}[g.rng.IntN(3)])
	case "foreign":
		if w.Outside != "" {
			client = g.address(w.Outside)
		}
	}
	body := g.body(w, id, at)
	if kind == "oversized" {
		body = append(body, make([]byte, w.MaxBody)...)
	}
	h := w.sign(w.Secret(), id, at, body)
	name := w.Name
	switch kind {
	case "forged":
		g.forge(w, h, id, at, body)
	case "unsigned":
		if drop := w.stampHeader(); drop != "" && g.rng.IntN(2) == 0 {
			h.Del(drop)
		} else {
			h.Del(w.signatureHeader())
		}
	case "unknown":
		name = fmt.Sprintf("nobody-%d", g.rng.IntN(1000))
	}
	g.decorate(h)
	return request{kind: kind, webhook: name, header: h, client: client, body: body}
}

// forge replaces a signature by one of another secret, of another body, in hex, cut short, or of chance.
func (g *generator) forge(w *Webhook, h http.Header, id string, at time.Time, body []byte) {
	name := w.signatureHeader()
	switch g.rng.IntN(5) {
	case 0:
		other := w.sign("whsec_"+base64.StdEncoding.EncodeToString([]byte("a secret of nobody, 32 bytes long")), id, at, body)
		h.Set(name, other.Get(name))
	case 1:
		h.Set(name, w.sign(w.Secret(), id, at, append([]byte{' '}, body...)).Get(name))
	case 2:
		h.Set(name, hex.EncodeToString([]byte(h.Get(name))))
	case 3:
		h.Set(name, h.Get(name)[:len(h.Get(name))/2])
	default:
		noise := make([]byte, 32)
		for i := range noise {
			noise[i] = byte(g.rng.Uint32())
		}
		prefix := map[string]string{history.OpenMessaging: "sha256=", history.StandardWebhooks: "v1,"}[w.Scheme]
		h.Set(name, prefix+base64.StdEncoding.EncodeToString(noise))
	}
}

// decorate adds headers that a message has to carry as they are, some of which would act on the bus if they came there
// under their own name, and some that have to stay behind.
func (g *generator) decorate(h http.Header) {
	h.Set("User-Agent", "chaos")
	h.Set("Content-Type", "application/json")
	switch g.rng.IntN(8) {
	case 0:
		h["X-Several"] = []string{"one", "two", "one"}
	case 1:
		h.Set("Nats-Msg-Id", "the same for all")
	case 2:
		h.Set("Nats-Expected-Last-Sequence", "1")
		h.Set("Hookproof-Id", "00000000-0000-7000-8000-000000000000")
	case 3:
		h.Set("Cookie", "session=1")
		h.Set("Authorization", "Basic bm9ib2R5")
	case 4:
		h.Set("Nats-Rollup", "all")
	}
}

func (g *generator) address(prefix string) string {
	return fmt.Sprintf("%s%d", prefix, 1+g.rng.IntN(250))
}

// body makes a body that occurs once: JSON, of 100 bytes to a few KiB. Where the scheme takes any bytes some follow that
// are not text.
func (g *generator) body(w *Webhook, id string, at time.Time) []byte {
	pad := make([]byte, g.rng.IntN(1500))
	for i := range pad {
		pad[i] = "abcdefghijklmnopqrstuvwxyz \u00e9"[g.rng.IntN(28)]
	}
	b := fmt.Appendf(nil, `{"id":%q,"channel":{"platform":"Open","time":%q,"messageId":%q},"type":"Text","text":%q}`,
		id, at.UTC().Format("2006-01-02T15:04:05.000Z"), id, base64.StdEncoding.EncodeToString(pad))
	if g.rng.IntN(100) == 0 { // as large as is taken
		return append(b, bytes.Repeat([]byte{' '}, w.MaxBody-len(b))...)
	}
	if w.Scheme != history.OpenMessaging && g.rng.IntN(4) == 0 {
		b = append(b, 0, '\r', '\n', 0xff, 0xfe, '\n')
	}
	return b
}
