package genesystest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/secret"
)

const key = "the secret of the webhook"

// received is one request that a target saw.
type received struct {
	at     time.Time
	header http.Header
	body   string
}

// target is a receiver that answers the scripted statuses in turn, then 200. A status below 0 is no answer for that many
// seconds.
type target struct {
	mu     sync.Mutex
	script []int
	seen   []received
}

func (x *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	status := x.next(received{at: time.Now(), header: r.Header.Clone(), body: string(body)})
	if status < 0 {
		select {
		case <-time.After(time.Duration(-status) * time.Second):
		case <-r.Context().Done():
		}
		status = http.StatusOK
	}
	w.WriteHeader(status)
}

func (x *target) next(r received) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen = append(x.seen, r)
	if len(x.script) == 0 {
		return http.StatusOK
	}
	status := x.script[0]
	x.script = x.script[1:]
	return status
}

func (x *target) requests() []received {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]received{}, x.seen...)
}

// sign is what the documentation says a signature is.
func sign(key, body string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// withTarget returns a simulator whose deliveries go to a receiver in memory.
func withTarget(t *testing.T, cfg genesystest.Config, script ...int) (*genesystest.Simulator, *target) {
	t.Helper()
	x := &target{script: script}
	cfg.TargetClient = genesystest.ServeInMemory(t, x).Client
	cfg.AllowInsecureTargets = true
	return genesystest.New(cfg), x
}

func webhook() genesys.Webhook {
	return genesys.Webhook{
		Name: "hook", URI: "http://127.0.0.1/webhooks/hook", Events: []string{"conversation.start"}, Enabled: true,
		Security: genesys.Security{SecretKey: secret.New(key), SignatureAlgorithm: genesys.SignatureAlgorithm},
		Retry:    genesys.RetryPolicy{RetryCount: 3, RetryDelaySeconds: 7},
	}
}

func integration() genesys.OpenMessaging {
	return genesys.OpenMessaging{Name: "messages", WebhookURL: "http://127.0.0.1/webhooks/messages", Secret: secret.New(key)}
}
