package secret

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/nats-io/nkeys"
)

// Key is the pool's key: a NATS xkey (curve25519) that verifiers and provisioners hold. It is safe for concurrent use.
type Key struct{ pair nkeys.KeyPair }

// sealedPayload is what a sealed reference holds. It names the webhook, so that a sealed secret that was copied into
// another webhook's configuration opens nothing.
type sealedPayload struct {
	Webhook string `json:"webhook"`
	Secret  string `json:"secret"`
}

// NewKey makes a key.
func NewKey() (*Key, error) {
	pair, err := nkeys.CreateCurveKeys()
	if err != nil {
		return nil, err
	}
	return &Key{pair: pair}, nil
}

// ParseKey reads a key from its seed, the text that begins with SX.
func ParseKey(seed Text) (*Key, error) {
	pair, err := nkeys.FromCurveSeed([]byte(strings.TrimSpace(seed.Reveal())))
	if err != nil {
		return nil, errors.New("not an xkey seed (it begins with SX)")
	}
	return &Key{pair: pair}, nil
}

// LoadKey reads a key's seed from a file.
func LoadKey(path string) (*Key, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	k, err := ParseKey(New(string(b)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// LoadOrCreateKey reads the key at path, or makes one there, readable by its owner only.
func LoadOrCreateKey(path string) (*Key, error) {
	k, err := LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if k, err = NewKey(); err != nil {
		return nil, err
	}
	seed, err := k.pair.Seed()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = f.Write(append(seed, '\n')); err == nil {
		err = f.Sync()
	}
	return k, errors.Join(err, f.Close())
}

// Seed returns the private half, for a file that only the pool reads.
func (k *Key) Seed() (Text, error) {
	seed, err := k.pair.Seed()
	return New(string(seed)), err
}

// Public returns the public half, the text that begins with X: whoever has it can seal.
func (k *Key) Public() (string, error) { return k.pair.PublicKey() }

// Seal returns a reference to a secret that only the holder of the key with that public half can open, and only for the
// named webhook.
func Seal(public, webhook string, t Text) (Ref, error) {
	if err := CheckLength(t); err != nil {
		return "", err
	}
	sender, err := nkeys.CreateCurveKeys() // for one message: the pool needs no senders' directory
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(sealedPayload{Webhook: webhook, Secret: t.Reveal()})
	if err != nil {
		return "", err
	}
	box, err := sender.Seal(payload, public)
	if err != nil {
		return "", fmt.Errorf("public key: %w", err)
	}
	from, err := sender.PublicKey()
	if err != nil {
		return "", err
	}
	return Ref(sealedScheme + from + "." + base64.RawURLEncoding.EncodeToString(box)), nil
}

// splitSealed parses sealed:<sender's public key>.<base64url of the box>.
func splitSealed(ref string) (from string, box []byte, err error) {
	from, text, ok := strings.Cut(strings.TrimPrefix(ref, sealedScheme), ".")
	if !ok || !nkeys.IsValidPublicCurveKey(from) {
		return "", nil, fmt.Errorf("sealed:… %w: it is not what seal printed", ErrNotAllowed)
	}
	box, err = base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", nil, fmt.Errorf("sealed:… %w: it is not what seal printed", ErrNotAllowed)
	}
	return from, box, nil
}

func (k *Key) open(ref, webhook string) (Text, error) {
	if k == nil {
		return Text{}, fmt.Errorf("sealed:… %w: this process has no key (HOOKPROOF_XKEY_FILE)", ErrUnresolved)
	}
	from, box, err := splitSealed(ref)
	if err != nil {
		return Text{}, err
	}
	plain, err := k.pair.Open(box, from)
	if err != nil {
		return Text{}, fmt.Errorf("sealed:… %w: it was sealed to another key, or is damaged", ErrUnresolved)
	}
	var p sealedPayload
	if err := json.Unmarshal(plain, &p); err != nil {
		return Text{}, fmt.Errorf("sealed:… %w: unknown content", ErrUnresolved)
	}
	if p.Webhook != webhook {
		return Text{}, fmt.Errorf("sealed:… %w: it was sealed for the webhook %.64q", ErrNotAllowed, p.Webhook)
	}
	return New(p.Secret), nil
}
