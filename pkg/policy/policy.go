// Package policy holds what a verifier must know of a webhook: how it is signed, with which secrets, from where, and how
// strictly. In goes an entry of the bucket "policies"; out comes a Policy ready to judge by, its secrets resolved. The
// package judges nothing itself.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
)

// Format is the version of a stored policy. A verifier parks what a newer format governs: it might not understand a check.
const Format = 1

// Defaults and bounds of a policy's tolerance against the time of receipt.
const (
	DefaultTolerance = 300 * time.Second
	MaxTolerance     = bus.DefaultMaxTolerance
)

// EndedMemory is how long after its end a secret stays in a policy. It makes nothing genuine that was received after its end;
// but a request that was received before, and waited, has to be judged by it.
const EndedMemory = 7 * 24 * time.Hour

// Policy says how a webhook's requests are judged. It is a value; nothing changes it once it is stored.
type Policy struct {
	Format    int              `json:"format"`
	Webhook   string           `json:"webhook"`
	Scheme    signature.Scheme `json:"scheme"`
	Secrets   []Secret         `json:"secrets"`
	Allowlist []netip.Prefix   `json:"allowlist,omitempty"` // empty: every address
	Tolerance Duration         `json:"tolerance"`           // of the timestamp against the time of receipt, both ways
	ReplayOff bool             `json:"replayOff,omitempty"`
	TypeField string           `json:"typeField,omitempty"` // JSON pointer to the CloudEvents type in the body
}

// Secret is one secret of the ring, by reference, and when it ends. The zero time is no end.
type Secret struct {
	Ref      secret.Ref `json:"ref"`
	NotAfter time.Time  `json:"notAfter,omitzero"`
}

// Forgotten reports whether the secret ended so long ago that a policy need not hold it any more.
func (s Secret) Forgotten(now time.Time) bool {
	return !s.NotAfter.IsZero() && !now.Before(s.NotAfter.Add(EndedMemory))
}

// Duration is a time.Duration that JSON writes as "5m0s".
type Duration time.Duration

// MarshalText writes the duration as time.Duration prints it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// ReplayBucket returns where the policy's replay keys are claimed. Where the key covers a signed time, a copy is refused by
// its age once the claim is gone; elsewhere only the claim stands against it, and has to live longer.
func (p Policy) ReplayBucket() string {
	if p.Scheme.Signs == signature.TimestampBody || p.Scheme.TimestampField != "" {
		return bus.BucketReplaySigned
	}
	return bus.BucketReplayBody
}

// Allowed reports whether an address is inside the list; an empty list allows every address, even one that is not known.
// Only IPv4-mapped addresses are unmapped; an address with a zone is in no list.
func Allowed(list []netip.Prefix, a netip.Addr) bool {
	if len(list) == 0 {
		return true
	}
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Ring is a policy with its secrets resolved. It is immutable and safe for concurrent use.
type Ring struct {
	Policy
	Revision uint64
	Keys     []Key
	// Err says why the policy cannot be judged by: a current secret that cannot be resolved, or a format that is not known.
	// What would be judged by it has to be parked, never rejected.
	Err error
}

// unresolved returns why a secret of the ring cannot be resolved, or why the ring cannot be used; nil when neither is so.
func (r *Ring) unresolved() error {
	errs := []error{r.Err}
	for _, k := range r.Keys {
		errs = append(errs, k.Err)
	}
	return errors.Join(errs...)
}

// Key is a secret of the ring, ready to use unless Err says why not.
type Key struct {
	signature.Key
	NotAfter time.Time // zero: no end
	// Err says why a secret that is being replaced cannot be resolved. What no other key signed, and this one might have,
	// has to be parked.
	Err error
}

// Valid reports whether the key may be used at t: until NotAfter.
func (k Key) Valid(t time.Time) bool { return k.NotAfter.IsZero() || t.Before(k.NotAfter) }

// ErrFormat says that a stored policy is of a format that this program does not know.
var ErrFormat = errors.New("unknown policy format")

// Decode reads a stored policy and resolves its secrets. It always returns a ring; one that cannot be used says so in Err.
func Decode(e bus.Entry, secrets secret.Resolver) *Ring {
	r := &Ring{Revision: e.Revision}
	r.Err = r.decode(e, secrets)
	return r
}

func (r *Ring) decode(e bus.Entry, secrets secret.Resolver) error {
	if err := json.Unmarshal(e.Value, &r.Policy); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if r.Format != Format {
		return fmt.Errorf("%w: %d", ErrFormat, r.Format)
	}
	if err := r.Scheme.Check(); err != nil {
		return fmt.Errorf("%w: scheme: %w", ErrFormat, err)
	}
	for i, s := range r.Secrets {
		key := Key{NotAfter: s.NotAfter}
		if key.Key, key.Err = newKey(r.Scheme, s.Ref, e.Key, secrets); key.Err != nil {
			key.Err = fmt.Errorf("secrets[%d]: %w", i, key.Err)
		}
		if key.Err != nil && s.NotAfter.IsZero() {
			return key.Err
		}
		r.Keys = append(r.Keys, key)
	}
	return nil
}

func newKey(s signature.Scheme, ref secret.Ref, webhook string, secrets secret.Resolver) (signature.Key, error) {
	text, err := secrets.Resolve(ref, webhook)
	if err != nil {
		return signature.Key{}, err
	}
	return s.NewKey(text)
}

// Encode returns the policy as the bucket stores it.
func (p Policy) Encode() ([]byte, error) {
	p.Format = Format
	return json.Marshal(p)
}

// Rotated returns the secrets of a policy that has the given ones and shall use next: next is valid at once, and what was
// valid stays so for the overlap. Secrets that ended stay until they are Forgotten. It returns the same secrets when next is already
// the current one.
func Rotated(have []Secret, next secret.Ref, overlap time.Duration, now time.Time) []Secret {
	out := []Secret{{Ref: next}}
	for _, s := range have {
		switch {
		case s.Ref == next && s.NotAfter.IsZero():
			out[0] = s
		case s.Ref == next || s.Forgotten(now):
		case s.NotAfter.IsZero():
			s.NotAfter = now.Add(overlap).UTC().Truncate(time.Second)
			out = append(out, s)
		default:
			out = append(out, s)
		}
	}
	return out
}
