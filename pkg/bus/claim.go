package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Entry is a value in a bucket.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	Deleted  bool // the key was deleted; the entry is what is left of it
}

// Claims claims keys of a bucket. It is safe for concurrent use; claims that are made at once go to the server in groups.
type Claims struct {
	bus      *Bus
	bucket   string
	subjects string // what goes before a key
	stream   *Publisher
}

// unlessHeld has a message stored only when there is none of its subject. Publishing reads it only.
var unlessHeld = nats.Header{jetstream.ExpectedLastSubjSeqHeader: {"0"}}

// NewClaims returns the claims of a bucket. They end with the connection.
func (b *Bus) NewClaims(bucket string) *Claims {
	return &Claims{b, bucket, keySubject(bucket, ""), b.NewPublisher(CommitConfigured)}
}

// Claim stores value under key unless the key holds one, in one atomic step at the server. It returns nil when the claim
// was won, and otherwise the entry that holds the key, read from the leader. Any error means that the claim is undecided:
// the key may or may not hold value, so try again with the same value.
func (c *Claims) Claim(ctx context.Context, key string, value []byte) (holder *Entry, err error) {
	_, err = c.stream.Publish(ctx, &nats.Msg{Subject: c.subjects + key, Header: unlessHeld, Data: value}, publishTimeout)
	if !errors.Is(err, ErrConflict) {
		return nil, err
	}
	// Somebody holds it, or a write to it is in flight; only the leader's copy tells who.
	e, err := c.bus.Get(ctx, c.bucket, key)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, fmt.Errorf("%w: the holder of a claim cannot be read yet", ErrUnavailable)
	case err != nil:
		return nil, err
	case e.Deleted: // by hand, since nothing here deletes claims
		if _, err = c.bus.PutIf(ctx, c.bucket, key, value, e.Revision); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return nil, nil
	}
	return &e, nil
}

// PutIf stores value under key if the key's revision still is the one given, 0 for a key that does not exist, and returns
// the new revision. Otherwise the error is ErrConflict.
func (b *Bus) PutIf(ctx context.Context, bucket, key string, value []byte, revision uint64) (uint64, error) {
	ack, err := b.Publish(ctx, putIf(bucket, key, value, revision))
	return ack.Sequence, err
}

func putIf(bucket, key string, value []byte, revision uint64) *nats.Msg {
	return &nats.Msg{Subject: keySubject(bucket, key), Data: value,
		Header: nats.Header{jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(revision, 10)}}}
}

// Put stores value under key whatever it holds and returns the new revision.
func (b *Bus) Put(ctx context.Context, bucket, key string, value []byte) (uint64, error) {
	ack, err := b.Publish(ctx, &nats.Msg{Subject: keySubject(bucket, key), Data: value})
	return ack.Sequence, err
}

// Delete removes key. Those that mirror the bucket see an entry that is Deleted.
func (b *Bus) Delete(ctx context.Context, bucket, key string) error {
	_, err := b.Publish(ctx, &nats.Msg{Subject: keySubject(bucket, key), Header: nats.Header{kvOperation: {"DEL"}}})
	return err
}

// DeleteIf removes key if its revision still is the one given. Otherwise the error is ErrConflict.
func (b *Bus) DeleteIf(ctx context.Context, bucket, key string, revision uint64) error {
	_, err := b.Publish(ctx, &nats.Msg{Subject: keySubject(bucket, key), Header: nats.Header{
		kvOperation: {"DEL"}, jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(revision, 10)}}})
	return err
}

// Get reads a key from the bucket's leader. The error is ErrNotFound when nothing was ever stored there.
func (b *Bus) Get(ctx context.Context, bucket, key string) (Entry, error) {
	m, err := b.get(ctx, bucketStream(bucket), getRequest{LastFor: keySubject(bucket, key)})
	if err != nil {
		return Entry{}, err
	}
	return m.entry(bucket), nil
}

// kvOperation marks a deleted key, as the nats clients write it.
const kvOperation = "KV-Operation"
