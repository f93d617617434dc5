package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strings"
	"sync"

	"github.com/hookproof/hookproof/pkg/secret"
)

// ErrSecretForm says that a secret is not in the form that its scheme asks for. The error never repeats it.
var ErrSecretForm = errors.New("the scheme asks for a base64 secret, perhaps after whsec_")

// Key is a secret made ready for a scheme. It is safe for concurrent use and prints nothing of the secret.
type Key struct{ macs *sync.Pool }

// NewKey returns the key that a secret stands for in the scheme: its UTF-8 bytes, or what its base64 text encodes.
func (s Scheme) NewKey(t secret.Text) (Key, error) {
	raw := []byte(t.Reveal())
	if s.Base64Secret {
		decoded, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(t.Reveal(), "whsec_"))
		if err != nil || len(decoded) == 0 {
			return Key{}, ErrSecretForm
		}
		raw = decoded
	}
	// A reset HMAC starts from its stored pads: half the hashing of a new one.
	return Key{macs: &sync.Pool{New: func() any { return hmac.New(sha256.New, raw) }}}, nil
}

// mac writes the MAC of the parts, one after the other, to the end of dst.
func (k Key) mac(dst []byte, parts ...[]byte) []byte {
	h := k.macs.Get().(hash.Hash)
	defer k.macs.Put(h)
	h.Reset()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(dst)
}
