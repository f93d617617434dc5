package provisioner

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// generatedBytes is the entropy of a secret that is made up: as text it has 43 characters.
const generatedBytes = 32

// generate makes the secret up that the desired state asks for, once for each label. It is recorded, sealed, before
// anything uses it.
func generate() step {
	return step{name: StepSecret, phase: webhook.PhaseValidating,
		done: func(_ context.Context, w *work) (bool, error) {
			if !w.Desired.Generates() {
				return true, nil
			}
			if w.cfg.Secrets.Key == nil {
				return false, wrongField("secret", "a generated secret has to be sealed, and this provisioner has no key (HOOKPROOF_XKEY_FILE; hookproof keygen makes one)")
			}
			return w.Observed.Generated.For == w.Desired.Secret, nil
		},
		do: func(_ context.Context, w *work) (string, error) {
			ref, err := makeSecret(w.cfg.Secrets.Key, w.Webhook)
			if err != nil {
				return "", permanent(err)
			}
			w.Observed.Generated = webhook.Generated{For: w.Desired.Secret, Ref: ref}
			return "a new secret was made up", nil
		},
	}
}

func makeSecret(pool *secret.Key, name string) (secret.Ref, error) {
	public, err := pool.Public()
	if err != nil {
		return "", fmt.Errorf("the pool's key: %w", err)
	}
	raw := make([]byte, generatedBytes)
	rand.Read(raw) // never returns an error
	return secret.Seal(public, name, secret.New(base64.RawURLEncoding.EncodeToString(raw)))
}

// otherLabel says what helps where the pool's key does not open the generated secret; it is empty in every other case.
func (w *work) otherLabel(err error) string {
	if !w.Desired.Generates() || !errors.Is(err, secret.ErrUnresolved) {
		return ""
	}
	return "; give the provisioner and the verifiers the former key, or another label for a new secret, such as " + string(webhook.Generate) + ":2"
}
