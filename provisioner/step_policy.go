package provisioner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// writePolicy brings the verifiers' policy to the desired state. A secret that was replaced stays in it for the overlap.
// For a webhook in Genesys Cloud the step comes twice: before it is given a new secret, and after, to let the old one end.
func writePolicy(name string) step {
	var c comparison
	return step{name: name, phase: webhook.PhasePolicy,
		done: func(ctx context.Context, w *work) (_ bool, err error) {
			if c, err = w.comparePolicy(ctx); err != nil || !c.equal() {
				return false, err
			}
			w.inForce(c, c.have.Revision)
			return true, nil
		},
		do: func(ctx context.Context, w *work) (string, error) {
			revision, err := w.put(ctx, bus.BucketPolicies, c.have, c.text)
			if err != nil {
				return "", err
			}
			w.inForce(c, revision)
			return c.note(), nil
		},
	}
}

func (w *work) inForce(c comparison, revision uint64) {
	w.Observed.PolicyRevision, w.Observed.Secrets = revision, c.want.Secrets
	w.number(c.want.Secrets)
}

// comparison is the stored policy beside the desired one.
type comparison struct {
	have bus.Entry
	want policy.Policy
	text []byte // want, as it is stored
}

func (c comparison) equal() bool { return !c.have.Deleted && bytes.Equal(c.have.Value, c.text) }

func (c comparison) note() string {
	for _, s := range c.want.Secrets {
		if !s.NotAfter.IsZero() {
			return "the old secret is valid until " + s.NotAfter.Format("2006-01-02 15:04:05Z07:00")
		}
	}
	return ""
}

func (w *work) comparePolicy(ctx context.Context) (comparison, error) {
	have, err := w.read(ctx, bus.BucketPolicies, w.Webhook)
	if err != nil {
		return comparison{}, fmt.Errorf("policy: %w", err)
	}
	ring, err := storedRing(have)
	if err != nil {
		return comparison{}, err
	}
	if ring, err = w.ring(ring); err != nil {
		return comparison{}, err
	}
	c := comparison{have: have, want: w.Desired.Policy(w.usable(ring), w.allowlist())}
	c.text, err = c.want.Encode()
	return c, err
}

// storedRing returns the secrets of a stored policy. One that is damaged has none; one of a newer format is left alone.
func storedRing(e bus.Entry) ([]policy.Secret, error) {
	var p policy.Policy
	if e.Deleted || json.Unmarshal(e.Value, &p) != nil {
		return nil, nil
	}
	if p.Format > policy.Format {
		return nil, permanent(fmt.Errorf("the stored policy has format %d: a newer provisioner wrote it", p.Format))
	}
	return p.Secrets, nil
}

// usable drops old secrets that can no longer be resolved: nothing can be verified with them, and a verifier that cannot
// resolve one secret of a policy has to park everything.
func (w *work) usable(ring []policy.Secret) []policy.Secret {
	kept := ring[:1]
	for _, s := range ring[1:] {
		if _, err := w.cfg.Secrets.Resolve(s.Ref, w.Webhook); errors.Is(err, secret.ErrUnresolved) {
			w.log.Warn("an old secret is dropped before its time, it cannot be resolved", "secret", s.Ref, "error", err)
			continue
		}
		kept = append(kept, s)
	}
	return kept
}
