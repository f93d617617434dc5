package provisioner

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/webhook"
)

const (
	// maxTests is how many tests in a row may fail before somebody has to change something.
	maxTests = 5
	// maxTestMessage bounds what is kept of Genesys Cloud's explanation, in bytes.
	maxTestMessage = 300
)

// connectivity makes Genesys Cloud send a test event, unless the target is known to work.
func connectivity() step {
	return step{name: StepTest, phase: webhook.PhaseTesting,
		done: func(_ context.Context, w *work) (bool, error) {
			t := w.Observed.Genesys.Test
			return w.seen.enabled && t != nil && t.Succeeded && t.Target == w.Desired.TargetURI, nil
		},
		do: func(ctx context.Context, w *work) (string, error) {
			// An ingress that does not know the route yet would answer 404.
			if err := sleep(ctx, w.Observed.RouteWrittenAt.Add(w.cfg.RouteGrace).Sub(w.cfg.now())); err != nil {
				return "", err
			}
			result, err := w.cfg.Genesys.TestWebhook(ctx, w.seen.id)
			if err != nil {
				return "", err
			}
			message := w.harmless(result.Message)
			w.Observed.Genesys.Test = &webhook.Test{Target: w.Desired.TargetURI, Succeeded: result.Succeeded(), Message: message, At: w.cfg.now()}
			if result.Succeeded() {
				return message, nil
			}
			return "", w.testFailed(fmt.Errorf("the test event of Genesys Cloud was not delivered (%.64q: %q), so the webhook stays disabled: "+
				"see that the target URI leads to an ingress, from the internet, with a valid certificate", result.Status, message))
		},
	}
}

// testFailed gives up after a few tests in a row; the next recheck begins anew.
func (w *work) testFailed(err error) error {
	if w.Attempts+1 >= maxTests {
		return permanent(err)
	}
	return err
}

// harmless returns a text that Genesys Cloud chose, cut, unless it repeats the secret.
func (w *work) harmless(text string) string {
	t, err := w.cfg.Secrets.Resolve(w.secretRef(), w.Webhook)
	if err != nil || repeats(text, t.Reveal()) {
		return "(withheld: it repeats the secret)"
	}
	if len(text) > maxTestMessage {
		text = strings.ToValidUTF8(text[:maxTestMessage], "") + "…"
	}
	return text
}

// repeats reports whether a text holds a secret in one of the forms that a server may write it in.
func repeats(text, secret string) bool {
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)),
		url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(strconv.Quote(secret), `"`)} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// enable lets events come, after a test that succeeded.
func enable() step {
	return step{name: StepEnable, phase: webhook.PhaseEnabling,
		done: func(_ context.Context, w *work) (bool, error) {
			w.Observed.Genesys.Enabled = w.seen.enabled
			return w.seen.enabled, nil
		},
		do: func(ctx context.Context, w *work) (string, error) {
			wish, err := w.wish()
			if err != nil {
				return "", err
			}
			wish.enabled = true
			return "", w.change(ctx, wish, []string{fieldEnabled})
		},
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
