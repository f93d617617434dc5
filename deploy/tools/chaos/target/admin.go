package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

// Names that the product gives to its streams, as an administrator knows them.
const (
	Unverified = "UNVERIFIED"
	Verified   = "VERIFIED"
	Rejected   = "REJECTED"
	Parked     = "PARKED"
	Consumer   = "verifier"
)

// Admin is an administrator's hand on the streams, past every link.
type Admin struct {
	nc *nats.Conn
	JS jetstream.JetStream
}

// NewAdmin connects.
func NewAdmin(url string) (*Admin, error) {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.Timeout(2*time.Second), nats.ReconnectBufSize(-1))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &Admin{nc, js}, nil
}

// Close closes the connection.
func (a *Admin) Close() { a.nc.Close() }

// SetAckWait sets how long a verifier may hold a message before another gets it too.
func (a *Admin) SetAckWait(ctx context.Context, wait time.Duration) error {
	return a.retry(ctx, func(ctx context.Context) error {
		c, err := a.JS.Consumer(ctx, Unverified, Consumer)
		if err != nil {
			return err
		}
		cfg := c.CachedInfo().Config
		cfg.AckWait = wait
		_, err = a.JS.UpdateConsumer(ctx, Unverified, cfg)
		return err
	})
}

// SetMaxBytes sets how much a stream may hold and returns what it was.
func (a *Admin) SetMaxBytes(ctx context.Context, stream string, bytes int64) (before int64, err error) {
	err = a.retry(ctx, func(ctx context.Context) error {
		s, err := a.JS.Stream(ctx, stream)
		if err != nil {
			return err
		}
		cfg := s.CachedInfo().Config
		before, cfg.MaxBytes = cfg.MaxBytes, bytes
		_, err = a.JS.UpdateStream(ctx, cfg)
		return err
	})
	return before, err
}

// DeleteStream deletes a stream, a bucket's included, with all that it holds.
func (a *Admin) DeleteStream(ctx context.Context, stream string) error {
	return a.retry(ctx, func(ctx context.Context) error {
		if err := a.JS.DeleteStream(ctx, stream); !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		return nil
	})
}

// DeleteConsumer deletes the verifiers' consumer.
func (a *Admin) DeleteConsumer(ctx context.Context) error {
	return a.retry(ctx, func(ctx context.Context) error {
		if err := a.JS.DeleteConsumer(ctx, Unverified, Consumer); !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return err
		}
		return nil
	})
}

// Replicated returns an error unless every stream, buckets included, has so many copies: with fewer a cluster proves nothing.
func (a *Admin) Replicated(ctx context.Context, copies int) error {
	streams := a.JS.ListStreams(ctx)
	for s := range streams.Info() {
		if s.Config.Replicas != copies {
			return fmt.Errorf("stream %s has %d copies, want %d", s.Config.Name, s.Config.Replicas, copies)
		}
	}
	return streams.Err()
}

// State returns what a stream holds.
func (a *Admin) State(ctx context.Context, stream string) (state jetstream.StreamState, err error) {
	err = a.retry(ctx, func(ctx context.Context) error {
		s, err := a.JS.Stream(ctx, stream)
		if err == nil {
			state = s.CachedInfo().State
		}
		return err
	})
	return state, err
}

// Publish puts a message on the bus as only an administrator can, under an id, until it is acknowledged.
func (a *Admin) Publish(ctx context.Context, m *nats.Msg) error {
	return a.retry(ctx, func(ctx context.Context) error {
		_, err := a.JS.PublishMsg(ctx, m)
		return err
	})
}

// retry tries until it works or ctx ends: whatever is broken just now, the administrator waits for it.
func (a *Admin) retry(ctx context.Context, do func(ctx context.Context) error) error {
	return cluster.Poll(ctx, func() error {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		return do(attempt)
	})
}

// Drained waits until no captured request waits for a verdict.
func (a *Admin) Drained(ctx context.Context) error {
	return cluster.Poll(ctx, func() error {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		s, err := a.JS.Stream(attempt, Unverified)
		if err != nil {
			return err
		}
		if n := s.CachedInfo().State.Msgs; n > 0 {
			return fmt.Errorf("%d requests wait for a verdict", n)
		}
		return nil
	})
}

// Read records every message of the streams, whatever is left in UNVERIFIED included.
func (a *Admin) Read(ctx context.Context, rec *history.Recorder) error {
	for _, stream := range []string{Unverified, Verified, Rejected, Parked} {
		if err := a.read(ctx, stream, rec); err != nil {
			return fmt.Errorf("read %s: %w", stream, err)
		}
	}
	return nil
}

// read goes by sequence, as a stream can be read that allows no second consumer, and asks the leader: a direct read may be
// answered by a replica that lags.
func (a *Admin) read(ctx context.Context, stream string, rec *history.Recorder) error {
	state, err := a.State(ctx, stream)
	if err != nil {
		return err
	}
	for seq := state.FirstSeq; state.Msgs > 0 && seq <= state.LastSeq; seq++ {
		m, err := a.message(ctx, stream, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		rec.Message(m)
	}
	return nil
}

func (a *Admin) message(ctx context.Context, stream string, seq uint64) (history.Message, error) {
	var answer struct {
		Error   *jetstream.APIError
		Message struct {
			Subject    string
			Hdrs, Data []byte
			Time       time.Time
		}
	}
	err := a.retry(ctx, func(ctx context.Context) error {
		m, err := a.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, fmt.Appendf(nil, `{"seq":%d}`, seq))
		if err != nil {
			return err
		}
		return json.Unmarshal(m.Data, &answer)
	})
	switch {
	case err != nil:
		return history.Message{}, err
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return history.Message{}, jetstream.ErrMsgNotFound
	case answer.Error != nil:
		return history.Message{}, answer.Error
	}
	out := history.Message{Stream: stream, Subject: answer.Message.Subject, Sequence: seq, Body: answer.Message.Data, At: answer.Message.Time}
	if len(answer.Message.Hdrs) > 0 {
		h, err := nats.DecodeHeadersMsg(answer.Message.Hdrs)
		if err != nil {
			return out, err
		}
		out.Header = h
	}
	return out, nil
}
