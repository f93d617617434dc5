package verifier

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/planted"
	"github.com/hookproof/hookproof/pkg/signature"
)

// redeliveryWindow is how long after the first copy an equal one counts as an honest retry: longer than Genesys Cloud's 85 s.
const redeliveryWindow = 120 * time.Second

// knownKeys bounds the memory of keys that this process saw claimed.
const knownKeys = 65536

// replayKey returns the key of a genuine request: 128 bits of a digest over the webhook and what the sender authenticated,
// as 22 characters of base64url.
//
// The body is always in it. A signed timestamp is too, but not where the sender signs an id: the id stays the same over
// honest retries while the timestamp does not (Standard Webhooks), and the retry must not become a second event.
func replayKey(r *event.Request, scheme signature.Scheme, p signature.Presented) string {
	var room [128]byte
	signed := append(room[:0], r.Webhook...)
	switch scheme.Signs {
	case signature.TimestampBody:
		signed = append(append(signed, "\x00t"...), p.Timestamp()...)
	case signature.IDTimestampBody:
		signed = append(append(signed, "\x00i"...), p.ID()...)
	default:
		signed = append(signed, "\x00b"...)
	}
	h := sha256.New()
	h.Write(append(signed, 0))
	h.Write(r.Body)
	var sum [sha256.Size]byte
	var text [2 * sha256.Size]byte
	return string(base64.RawURLEncoding.AppendEncode(text[:0], h.Sum(sum[:0])[:16]))
}

// claimant is what a claim says of its owner.
type claimant struct {
	id         string
	receivedAt time.Time
	timestamp  string // as the sender wrote it; may be empty
}

func (c claimant) encode() []byte {
	if planted.AnonymousClaim {
		c.id = "anonymous"
	}
	b := make([]byte, 0, len(c.id)+len(c.timestamp)+len(time.RFC3339Nano)+2)
	b = append(append(b, c.id...), ' ')
	b = append(c.receivedAt.UTC().AppendFormat(b, time.RFC3339Nano), ' ')
	return append(b, c.timestamp...)
}

func parseClaimant(value []byte) (claimant, error) {
	f := strings.SplitN(string(value), " ", 3)
	if len(f) != 3 || f[0] == "" {
		return claimant{}, errors.New("unreadable claim")
	}
	at, err := time.Parse(time.RFC3339Nano, f[1])
	if err != nil {
		return claimant{}, errors.New("unreadable claim")
	}
	return claimant{f[0], at, f[2]}, nil
}

// claims claims replay keys, each for one request.
type claims struct {
	bus     *bus.Bus
	buckets map[string]*bus.Claims
	// known holds keys and the owners that this process saw. It saves the attempt to claim a key that is likely to be
	// taken; whether it is, the leader says.
	known *lru.Cache[string, string]
}

func newClaims(b *bus.Bus) *claims {
	known, _ := lru.New[string, string](knownKeys) // errs only on a size below 1
	buckets := map[string]*bus.Claims{}
	for _, name := range []string{bus.BucketReplaySigned, bus.BucketReplayBody} {
		buckets[name] = b.NewClaims(name)
	}
	return &claims{b, buckets, known}
}

// claim claims the key of the passage's request, which is genuine, and notes in the passage what came of it. The verdict
// is a replay only when the leader named another owner; an error means that nothing is decided.
func (c *claims) claim(ctx context.Context, g *passage, d Decision) (event.Verdict, error) {
	g.claim = claimed{bucket: g.ring.ReplayBucket(), result: claimError, began: time.Now()}
	defer func() { g.claim.ended = time.Now() }()
	mine := claimant{g.request.ID, g.request.ReceivedAt, d.presented.Timestamp()}
	holder, err := c.holder(ctx, &g.claim, g.Key, mine)
	if err != nil {
		return event.Verdict{}, fmt.Errorf("claim: %w", err)
	}
	if holder == nil {
		g.claim.result = claimWon
		c.known.Add(g.Key, mine.id)
		return event.Verdict{}, nil
	}
	owner, err := parseClaimant(holder.Value)
	if err != nil {
		return event.Verdict{}, fmt.Errorf("claim: %w", err)
	}
	c.known.Add(g.Key, owner.id)
	if owner.id == mine.id {
		g.claim.result = claimOwn
		return event.Verdict{}, nil
	}
	g.claim.result = claimTaken
	return event.Verdict{Reason: event.ReplayDetected, Detail: replayDetail(mine, owner, g.ring.Scheme)}, nil
}

// holder returns the entry that holds the key, or nil after claiming it.
func (c *claims) holder(ctx context.Context, on *claimed, key string, mine claimant) (*bus.Entry, error) {
	if owner, ok := c.known.Get(key); ok && owner != mine.id {
		if e, err := c.bus.Get(ctx, on.bucket, key); err == nil && !e.Deleted {
			on.cached = true
			return &e, nil
		}
	}
	return c.buckets[on.bucket].Claim(ctx, key, mine.encode())
}

// replayDetail tells an honest retry from a replay: the same bytes and timestamp soon after the first copy, or a new
// timestamp that the sender itself signed.
func replayDetail(mine, owner claimant, s signature.Scheme) string {
	resigned := s.Signs == signature.IDTimestampBody && mine.timestamp != owner.timestamp
	soon := mine.timestamp == owner.timestamp && skew(mine.receivedAt, owner.receivedAt) <= redeliveryWindow
	if resigned || soon {
		return event.DetailRedelivery
	}
	return event.DetailReplay
}
