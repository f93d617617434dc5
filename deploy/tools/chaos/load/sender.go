package load

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

// Limits of a sender, as Genesys Cloud has them but for the pause, which is shorter.
const (
	answerTimeout = 10 * time.Second
	retryPause    = 400 * time.Millisecond
	retries       = 5
	burst         = 24 // steps at once, now and then: what comes at once may be stored together
)

// Load sends what its generators make. Its zero value is not usable; see New.
type Load struct {
	seed     uint64
	url      *url.URL // of the ingress, without a path
	webhooks []*Webhook
	rec      *history.Recorder
	client   *http.Client
	pause    time.Duration
}

// New returns a load for the ingress at base. Each sender pauses so long on average between two steps.
func New(seed uint64, base *url.URL, webhooks []*Webhook, pause time.Duration, rec *history.Recorder) *Load {
	t := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true, IdleConnTimeout: 5 * time.Second}
	return &Load{seed: seed, url: base, webhooks: webhooks, rec: rec, pause: pause, client: &http.Client{Timeout: answerTimeout, Transport: t}}
}

// Run runs so many senders until ctx ends and every request that was begun is answered or given up.
func (l *Load) Run(ctx context.Context, senders int) {
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() { l.sender(ctx, newGenerator(l.seed, i, l.webhooks)) })
	}
	all.Wait()
	l.client.CloseIdleConnections()
}

func (l *Load) sender(ctx context.Context, g *generator) {
	for ctx.Err() == nil {
		if g.bursts() {
			var all sync.WaitGroup
			for range burst {
				s := g.next()
				all.Go(func() { l.do(ctx, s) })
			}
			all.Wait()
		} else {
			l.do(ctx, g.next())
		}
		sleep(ctx, l.pause/2+rand.N(l.pause))
	}
}

// do does a step.
func (l *Load) do(ctx context.Context, s step) {
	if s.before != nil {
		l.Send(*s.before)
	}
	var both sync.WaitGroup
	if s.twin {
		both.Go(func() { l.deliver(ctx, s) })
	}
	l.deliver(ctx, s)
	both.Wait()
}

// deliver sends a request, and again where the sender would.
func (l *Load) deliver(ctx context.Context, s step) {
	for try := 0; ; try++ {
		status := l.Send(s.request)
		again := status == 0 || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
		if !s.retry || !again || try == retries || ctx.Err() != nil {
			return
		}
		sleep(ctx, retryPause)
	}
}

// Send sends one request whatever becomes of the run, records it with its answer, and returns the status, 0 for none.
func (l *Load) Send(r request) int {
	n := l.rec.Next()
	h := r.header.Clone()
	h.Set(history.AttemptHeader, strconv.Itoa(n))
	h.Set("X-Forwarded-For", r.client)
	recorded := h.Clone()
	recorded.Set("Host", l.url.Host)
	var body io.Reader = bytes.NewReader(r.body)
	if r.chunked {
		body = io.MultiReader(body)
	} else {
		recorded.Set("Content-Length", strconv.Itoa(len(r.body)))
	}
	l.rec.Attempt(history.Attempt{N: n, Kind: r.kind, Webhook: r.webhook, Header: recorded, ClientIP: r.client, Body: r.body, At: time.Now()})
	a := l.post(r.webhook, h, body)
	a.N, a.At = n, time.Now()
	l.rec.Answer(a)
	return a.Status
}

func (l *Load) post(webhook string, h http.Header, body io.Reader) history.Answer {
	req, err := http.NewRequest(http.MethodPost, l.url.JoinPath("webhooks", webhook).String(), body)
	if err != nil {
		return history.Answer{Error: err.Error()}
	}
	req.Header = h
	res, err := l.client.Do(req)
	if err != nil {
		return history.Answer{Error: err.Error()}
	}
	defer res.Body.Close()
	var told struct{ Status, ID string }
	text, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err == nil {
		err = json.Unmarshal(text, &told)
	}
	if err != nil { // the status alone is no promise: the answer broke off
		return history.Answer{Error: err.Error()}
	}
	return history.Answer{Status: res.StatusCode, ID: told.ID}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
