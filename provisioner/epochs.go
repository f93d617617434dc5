package provisioner

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"

	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// secretRef returns the reference to the desired secret; of one that is made up, the sealed one.
func (w *work) secretRef() secret.Ref {
	if w.Desired.Generates() {
		return w.Observed.Generated.Ref
	}
	return w.Desired.Secret
}

// digest returns the keyed digest by which a record knows a secret again after a restart.
func (w *work) digest(t secret.Text) string {
	if len(w.Observed.DigestKey) == 0 {
		w.Observed.DigestKey = make([]byte, 32)
		rand.Read(w.Observed.DigestKey) // never returns an error
	}
	mac := hmac.New(sha256.New, w.Observed.DigestKey)
	mac.Write([]byte(t.Reveal()))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// desiredDigest returns the digest of the secret that Genesys Cloud shall sign with.
func (w *work) desiredDigest() (string, error) {
	t, err := w.cfg.Secrets.Resolve(w.secretRef(), w.Webhook)
	if err != nil {
		return "", err
	}
	return w.digest(t), nil
}

// number gives each secret of a ring that is in force its epoch. One that cannot be resolved now keeps what it has.
func (w *work) number(ring []policy.Secret) {
	epochs := make([]webhook.Epoch, 0, len(ring))
	for _, s := range slices.Backward(ring) { // the oldest has the smallest number
		digest := ""
		if t, err := w.cfg.Secrets.Resolve(s.Ref, w.Webhook); err == nil {
			digest = w.digest(t)
		}
		e := w.epoch(s.Ref, digest)
		e.NotAfter = s.NotAfter
		epochs = append(epochs, e)
	}
	slices.Reverse(epochs)
	w.Observed.Epochs = epochs
}

// epoch returns the epoch of a secret, a new one if it is not known.
func (w *work) epoch(ref secret.Ref, digest string) webhook.Epoch {
	for _, e := range w.Observed.Epochs {
		if e.Ref == ref && (digest == "" || e.Digest == digest) {
			return e
		}
	}
	w.Observed.LastEpoch++
	e := webhook.Epoch{Ref: ref, Digest: digest}
	e.Epoch, e.Since = w.Observed.LastEpoch, w.cfg.now()
	return e
}

// ring returns the secrets that the policy shall have, given those that it has. While Genesys Cloud may still sign with a
// secret that is being replaced, that one has no end: not the rotation but its success starts the overlap.
func (w *work) ring(have []policy.Secret) ([]policy.Secret, error) {
	next := w.secretRef()
	handed, err := w.handedOver()
	if err != nil {
		return nil, err
	}
	if handed {
		return policy.Rotated(have, next, w.Desired.Overlap(), w.cfg.now()), nil
	}
	ring := []policy.Secret{{Ref: next}}
	for _, s := range have {
		switch {
		case s.Ref == next && s.NotAfter.IsZero():
			ring[0] = s
		case s.Ref == next || s.Forgotten(w.cfg.now()):
		default:
			ring = append(ring, s)
		}
	}
	return ring, nil
}

// handedOver reports whether nobody signs with an older secret because Genesys Cloud has not got the desired one.
func (w *work) handedOver() (bool, error) {
	g := w.Observed.Genesys
	if w.Desired.Kind == webhook.KindNone || g.ID == "" && g.Creating == nil {
		return true, nil
	}
	digest, err := w.desiredDigest()
	return digest == g.SecretDigest, err
}
