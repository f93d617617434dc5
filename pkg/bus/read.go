package bus

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Stored is a message as a stream holds it.
type Stored struct {
	Subject  string
	Header   nats.Header
	Data     []byte // nil where only headers were asked for
	Sequence uint64
	Time     time.Time // when the stream stored it
}

func (m Stored) entry(bucket string) Entry {
	op := m.Header.Get(kvOperation)
	return Entry{
		Key: strings.TrimPrefix(m.Subject, keySubject(bucket, "")), Value: m.Data, Revision: m.Sequence,
		Deleted: op == "DEL" || op == "PURGE",
	}
}

// getRequest asks a stream's leader for one message: by sequence, the first of a subject from a sequence on, or the last
// of a subject. See "STREAM.MSG.GET" in the JetStream API.
type getRequest struct {
	Sequence uint64 `json:"seq,omitempty"`
	NextFor  string `json:"next_by_subj,omitempty"`
	LastFor  string `json:"last_by_subj,omitempty"`
}

// get reads through the API itself and not through a jetstream.Stream, which would ask for the stream's state first and
// read directly, from any replica, where the stream allows it.
func (b *Bus) get(ctx context.Context, stream string, r getRequest) (Stored, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return Stored{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	reply, err := b.nc.RequestWithContext(ctx, b.api+"STREAM.MSG.GET."+stream, body)
	if err != nil {
		return Stored{}, classify(err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Hdrs    []byte    `json:"hdrs"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return Stored{}, classify(err)
	}
	switch {
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return Stored{}, ErrNotFound
	case answer.Error != nil:
		return Stored{}, classify(answer.Error)
	case answer.Message == nil:
		return Stored{}, classify(errors.New("an answer without a message"))
	}
	m := Stored{Subject: answer.Message.Subject, Data: answer.Message.Data, Sequence: answer.Message.Seq, Time: answer.Message.Time}
	if len(answer.Message.Hdrs) > 0 {
		if m.Header, err = nats.DecodeHeadersMsg(answer.Message.Hdrs); err != nil {
			return Stored{}, classify(err)
		}
	}
	return m, nil
}

// Last returns a stream's newest message on a subject, which may have wildcards. The error is ErrNotFound when there is none.
func (b *Bus) Last(ctx context.Context, stream, subject string) (Stored, error) {
	return b.get(ctx, stream, getRequest{LastFor: subject})
}

// Message returns the message of a stream with that sequence. The error is ErrNotFound when the stream no longer holds it.
func (b *Bus) Message(ctx context.Context, stream string, sequence uint64) (Stored, error) {
	return b.get(ctx, stream, getRequest{Sequence: sequence})
}

// Next returns a stream's first message on a subject with that sequence or a higher one. It is how a stream is read that
// allows no second consumer. The error is ErrNotFound when there is none.
func (b *Bus) Next(ctx context.Context, stream, subject string, sequence uint64) (Stored, error) {
	return b.get(ctx, stream, getRequest{Sequence: sequence, NextFor: subject})
}

// Revision reads a key as it was at one of its revisions. The error is ErrNotFound when the bucket's history no longer has it.
func (b *Bus) Revision(ctx context.Context, bucket, key string, revision uint64) (Entry, error) {
	m, err := b.Message(ctx, bucketStream(bucket), revision)
	if err == nil && m.Subject != keySubject(bucket, key) {
		err = ErrNotFound
	}
	if err != nil {
		return Entry{}, err
	}
	return m.entry(bucket), nil
}

// State is what a stream holds.
type State struct {
	FirstSequence, LastSequence uint64
	Messages, Bytes             uint64
	MaxBytes                    int64
	MaxAge                      time.Duration
	FirstTime                   time.Time
	Created                     time.Time
	ServerTime                  time.Time         // the server's clock when it answered
	Subjects                    map[string]uint64 // messages a subject, only when asked for
}

// Fill returns which part of its bytes a stream has used, from 0 to 1.
func (s State) Fill() float64 {
	if s.MaxBytes <= 0 {
		return 0
	}
	return float64(s.Bytes) / float64(s.MaxBytes)
}

// State reads a stream's state; subjects, where not empty, also counts the messages of each subject that it matches.
func (b *Bus) State(ctx context.Context, stream, subjects string) (State, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return State{}, classify(err)
	}
	info := s.CachedInfo()
	if subjects != "" {
		if info, err = s.Info(ctx, jetstream.WithSubjectFilter(subjects)); err != nil {
			return State{}, classify(err)
		}
	}
	st := info.State
	return State{FirstSequence: st.FirstSeq, LastSequence: st.LastSeq, Messages: st.Msgs, Bytes: st.Bytes, MaxBytes: info.Config.MaxBytes,
		MaxAge: info.Config.MaxAge, FirstTime: st.FirstTime, Created: info.Created, ServerTime: info.TimeStamp, Subjects: st.Subjects}, nil
}

// StateOfBucket reads the state of the stream under a bucket.
func (b *Bus) StateOfBucket(ctx context.Context, bucket string) (State, error) {
	return b.State(ctx, bucketStream(bucket), "")
}

// Keys returns the keys of a bucket, those that were deleted included, in order.
func (b *Bus) Keys(ctx context.Context, bucket string) ([]string, error) {
	s, err := b.State(ctx, bucketStream(bucket), keySubject(bucket, ">"))
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(s.Subjects))
	for subject := range s.Subjects {
		keys = append(keys, strings.TrimPrefix(subject, keySubject(bucket, "")))
	}
	slices.Sort(keys)
	return keys, nil
}

// Backlog is how far a durable consumer is behind.
type Backlog struct {
	Pending     uint64 // not yet delivered
	AckPending  int    // delivered, not yet acknowledged
	Redelivered int    // of those, delivered more than once
}

// Backlog reads how far a durable consumer is behind.
func (b *Bus) Backlog(ctx context.Context, stream, consumer string) (Backlog, error) {
	c, err := b.js.Consumer(ctx, stream, consumer)
	if err != nil {
		return Backlog{}, classify(err)
	}
	i := c.CachedInfo()
	return Backlog{Pending: i.NumPending, AckPending: i.NumAckPending, Redelivered: i.NumRedelivered}, nil
}
