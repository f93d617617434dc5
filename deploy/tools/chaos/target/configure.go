package target

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/load"
)

// Change is what becomes of a webhook's configuration beside its sizes.
type Change struct {
	Overlap time.Duration // how long a replaced secret stays valid; default 10 min
}

const defaultOverlap = 10 * time.Minute

// Configure gives a webhook a new secret, by hookproof apply. Once that says that the webhook is live its sender signs with
// it.
func (d *Deployment) Configure(ctx context.Context, w *load.Webhook, c Change) error {
	if c.Overlap == 0 {
		c.Overlap = defaultOverlap
	}
	d.secrets[w.Name]++
	n := d.secrets[w.Name]
	secret, name := newSecret(w.Name, n), fmt.Sprintf("%s-%d", w.Name, n)
	if err := os.WriteFile(filepath.Join(d.secretDir(), name), []byte(secret), 0o600); err != nil {
		return err
	}
	p := history.Policy{Webhook: w.Name, Scheme: w.Scheme, Tolerance: d.Tolerance, MaxBody: int64(w.MaxBody), Asked: time.Now()}
	if w.Outside != "" {
		p.Allowlist = []string{w.Inside + "0/24"}
	}
	desired := map[string]any{"webhook": w.Name, "kind": "none", "scheme": w.Scheme, "secret": "file:" + name,
		"tolerance": d.Tolerance.String(), "maxBodyBytes": w.MaxBody, "secretOverlap": c.Overlap.String()}
	if len(p.Allowlist) > 0 {
		desired["allowlist"] = p.Allowlist
	}
	if err := d.apply(ctx, w.Name, desired, applyTimeout); err != nil {
		return err
	}
	p.Live = time.Now()
	for i := range d.rings[w.Name] {
		if s := &d.rings[w.Name][i]; s.EndsAfter.IsZero() {
			// The provisioner cuts the end to a whole second.
			s.EndsAfter, s.EndsBefore = p.Asked.Add(c.Overlap-time.Second), p.Live.Add(c.Overlap+time.Second)
		}
	}
	d.rings[w.Name] = append(d.rings[w.Name], history.Secret{Text: secret})
	p.Secrets = append(p.Secrets, d.rings[w.Name]...)
	d.rec.Policy(p)
	w.SetSecret(secret)
	return nil
}

// NextSecret returns the secret that the next Configure of a webhook gives it.
func (d *Deployment) NextSecret(w *load.Webhook) string {
	return newSecret(w.Name, d.secrets[w.Name]+1)
}

// Redrive sends what was rejected of a webhook through the verifiers again, by hookproof redrive, and again where that was
// stopped half-way, as it asks for. That another redrive was faster with some of it is no error.
func (d *Deployment) Redrive(ctx context.Context, w *load.Webhook, reason string) error {
	return cluster.Poll(ctx, func() error { return d.redrive(ctx, w, reason) })
}

func (d *Deployment) redrive(ctx context.Context, w *load.Webhook, reason string) error {
	err := d.command(ctx, "redrive", "--nats-url", d.Cluster.URL(), "--webhook", w.Name, "--reason", reason, "--since", "1h", "--rate", "0")
	if err != nil && strings.Contains(err.Error(), `"complete":true`) {
		return nil
	}
	return err
}

// Remove removes a webhook, and returns once what was captured for it is judged and nothing is left of it.
func (d *Deployment) Remove(ctx context.Context, w *load.Webhook) error {
	p := history.Policy{Webhook: w.Name, Scheme: w.Scheme, Gone: true, Asked: time.Now()}
	if err := d.apply(ctx, w.Name, map[string]any{"webhook": w.Name, "state": "absent"}, applyTimeout); err != nil {
		return err
	}
	p.Live = time.Now()
	d.rings[w.Name] = nil // a webhook that is made again begins anew
	d.rec.Policy(p)
	return nil
}

// ConfigureRemote asks for a webhook in the simulated Genesys Cloud, whose events the simulator sends. The same again changes
// nothing. With wait it returns once the webhook is live.
func (d *Deployment) ConfigureRemote(ctx context.Context, name string, wait bool) error {
	secret, path := newSecret(name, 1), filepath.Join(d.secretDir(), name)
	if _, err := os.Stat(path); err != nil {
		p := history.Policy{Webhook: name, Scheme: history.GenesysWebhook, Secrets: []history.Secret{{Text: secret}}, Tolerance: d.Tolerance, Asked: time.Now(), Live: time.Now()}
		d.rec.Policy(p)
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			return err
		}
	}
	within := time.Duration(0)
	if wait {
		within = applyTimeout
	}
	return d.apply(ctx, name, map[string]any{"webhook": name, "kind": "webhook", "secret": "file:" + name, "events": []string{"conversation.started"},
		"targetUri": d.URL.JoinPath("webhooks", name).String(), "tolerance": d.Tolerance.String()}, within)
}

// applyTimeout is how long a webhook may take to be live.
const applyTimeout = time.Minute

// apply runs hookproof apply, and returns once the webhook is live if that is waited for.
func (d *Deployment) apply(ctx context.Context, webhook string, desired map[string]any, wait time.Duration) error {
	text, err := json.Marshal(desired)
	if err != nil {
		return err
	}
	path := filepath.Join(d.Dir, webhook+".json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	return d.command(ctx, "apply", "--nats-url", d.Cluster.URL(), "--wait", wait.String(), "--allow-private-targets", "-f", path)
}
