package provisioner

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// catchUp is how often the mirror of the records is looked at until it holds this pass's own.
const catchUp = 20 * time.Millisecond

// validate finds out what only the bus and the process can tell: whether the secret can be resolved, fits its scheme, and
// is no other webhook's.
func validate() step {
	return step{name: StepValidate, phase: webhook.PhaseValidating, done: func(ctx context.Context, w *work) (bool, error) {
		if w.Desired.Follows() && w.cfg.Genesys == nil {
			return false, wrongField("allowlist", webhook.FollowOpenMessaging+" needs credentials for Genesys Cloud")
		}
		own, err := w.ownSecret()
		if err != nil {
			return false, err
		}
		if !w.secretInForce() {
			err = w.unique(ctx, own)
		}
		if err == nil && w.remote != nil && w.Observed.Genesys.ID == "" {
			err = w.uniqueName(ctx)
		}
		return true, err
	}}
}

// ownSecret resolves the desired secret to what it signs the challenge with.
func (w *work) ownSecret() (print string, err error) {
	ref := w.secretRef()
	print, err = w.fingerprint(ref, w.Webhook, w.Desired.SignatureScheme())
	switch {
	case err == nil:
		return print, nil
	case errors.Is(err, secret.ErrUnresolved) && strings.HasPrefix(string(ref), "file:"):
		return "", webhook.FieldErrors{{Field: "secret", Problem: err.Error()}} // the file may yet come
	default:
		return "", wrongField("secret", err.Error()+w.otherLabel(err))
	}
}

// fingerprint returns a keyed digest of a secret: what it signs this process's challenge with. Two secrets have the same
// one if and only if they sign alike.
func (p *Provisioner) fingerprint(ref secret.Ref, name string, s signature.Scheme) (string, error) {
	text, err := p.cfg.Secrets.Resolve(ref, name)
	if err != nil {
		return "", err
	}
	probe := signature.Scheme{SignatureHeader: "Probe", Encoding: signature.Hex, Signs: signature.Body, Base64Secret: s.Base64Secret}
	key, err := probe.NewKey(text)
	if err != nil {
		return "", err
	}
	return probe.Sign(key, "", time.Time{}, p.challenge).Get("Probe"), nil
}

// secretInForce reports whether the policy already has the desired secret as its current one.
func (w *work) secretInForce() bool {
	for _, s := range w.Observed.Secrets {
		if s.Ref == w.secretRef() && s.NotAfter.IsZero() {
			return true
		}
	}
	return false
}

// unique refuses a secret that verifies another webhook's events, or that another webhook was the first to ask for: what
// is signed for one could be sent to the other. The mirror is waited for, so that of two that ask at once the later one
// sees the earlier.
func (w *work) unique(ctx context.Context, own string) error {
	if err := w.caughtUp(ctx); err != nil {
		return err
	}
	for name, other := range w.records.All() {
		if name == w.Webhook || other.Desired == nil {
			continue
		}
		for _, ref := range w.claims(other) {
			print, err := w.fingerprint(ref, name, other.Desired.SignatureScheme())
			if err == nil && print == own {
				return wrongField("secret", "the webhook "+name+" has the same secret; each needs one of its own")
			}
		}
	}
	return nil
}

// uniqueName refuses a name in Genesys Cloud that another webhook has or was the first to ask for: a webhook that is found
// by its name has to be the right one.
func (w *work) uniqueName(ctx context.Context) error {
	if err := w.caughtUp(ctx); err != nil {
		return err
	}
	for name, other := range w.records.All() {
		if name == w.Webhook || other.Desired == nil || other.Desired.Kind != w.Desired.Kind || other.Desired.DisplayName() != w.Desired.DisplayName() {
			continue
		}
		if other.Observed.Genesys.ID != "" || !other.Desired.Removed() && other.ConfigSequence < w.ConfigSequence {
			return wrongField("name", "the webhook "+name+" has the same name in Genesys Cloud; each needs one of its own")
		}
	}
	return nil
}

// claims lists the secrets that are another webhook's and must not become this one's.
func (w *work) claims(other view) []secret.Ref {
	var refs []secret.Ref
	for _, s := range other.Observed.Secrets {
		if s.NotAfter.IsZero() || w.cfg.now().Before(s.NotAfter) {
			refs = append(refs, s.Ref)
		}
	}
	if !other.Desired.Removed() && other.SecretRevision < w.SecretRevision {
		refs = append(refs, other.Desired.Secret)
	}
	return refs
}

// caughtUp waits until the mirror holds everything that was written before this pass's record.
func (w *work) caughtUp(ctx context.Context) error {
	ticker := time.NewTicker(catchUp)
	defer ticker.Stop()
	for {
		if v, ok := w.records.Get(w.Webhook); ok && v.revision >= w.revision {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
