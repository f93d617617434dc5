package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	windowMessages = 256
	windowBytes    = 4 << 20
	sinceBytes     = 1 << 20
)

// windowRequest asks a stream for a run of messages, from a sequence or a time on. See "Batched requests" in NATS ADR-31.
type windowRequest struct {
	Sequence uint64     `json:"seq,omitempty"`
	From     *time.Time `json:"start_time,omitempty"`
	NextFor  string     `json:"next_by_subj"`
	Batch    int        `json:"batch"`
	MaxBytes int        `json:"max_bytes"`
}

// Window reads the messages of a stream on a subject, which may have wildcards, with sequences from first to last, in
// their order. It reads 256 messages or 4 MiB at most; complete says that there are no more in the range. It needs no
// consumer, but a stream that allows direct reads, and may be answered by a replica that lags.
func (b *Bus) Window(ctx context.Context, stream, subject string, first, last uint64) (messages []Stored, complete bool, err error) {
	n := windowMessages
	if last-first < windowMessages {
		n = int(last-first) + 1 // #nosec G115 -- it is below windowMessages
	}
	past := false // beyond the range: the rest of the batch comes to nobody
	complete, err = b.batch(ctx, stream, windowRequest{Sequence: first, NextFor: subject, Batch: n, MaxBytes: windowBytes}, func(s Stored) bool {
		if past = s.Sequence > last; !past {
			messages = append(messages, s)
		}
		return !past
	})
	return messages, complete || past || len(messages) == n && messages[n-1].Sequence == last, err
}

// Since reads a stream's first messages on a subject that were stored at that time or later, in their order: n of them and
// 1 MiB at most. It reads as Window does.
func (b *Bus) Since(ctx context.Context, stream, subject string, at time.Time, n int) (messages []Stored, err error) {
	_, err = b.batch(ctx, stream, windowRequest{From: &at, NextFor: subject, Batch: n, MaxBytes: sinceBytes}, func(s Stored) bool {
		messages = append(messages, s)
		return true
	})
	return messages, err
}

// batch hands each message of a batch to take, until that returns false; complete says that the stream has no more.
func (b *Bus) batch(ctx context.Context, stream string, r windowRequest, take func(Stored) bool) (complete bool, err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	inbox := b.nc.NewRespInbox()
	answers, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return false, classify(err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := b.nc.PublishRequest(b.api+"DIRECT.GET."+stream, inbox, body); err != nil {
		return false, classify(err)
	}
	for {
		m, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return false, classify(err)
		}
		if end, complete, err := windowEnd(m); end {
			return complete, err
		}
		s, err := directMessage(m)
		if err != nil {
			return false, classify(err)
		}
		if !take(s) {
			return false, nil
		}
	}
}

// windowEnd reports whether an answer ends a batch, and whether it was the whole of what there is.
func windowEnd(m *nats.Msg) (end, complete bool, err error) {
	switch status := m.Header.Get("Status"); status {
	case "":
		return false, false, nil
	case "204": // the end of the batch
		return true, m.Header.Get("Nats-Num-Pending") == "0", nil
	case "404": // there is no message from that sequence on
		return true, true, nil
	default: // 503: direct reads are not allowed, or nobody is there to answer
		return true, false, classify(fmt.Errorf("direct read: %s %.80q", status, m.Header.Get("Description")))
	}
}

// directMessage reads a message as a direct read answers it.
func directMessage(m *nats.Msg) (Stored, error) {
	sequence, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return Stored{}, errors.New("direct read: an answer without a sequence")
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return Stored{}, errors.New("direct read: an answer without a time")
	}
	return Stored{Subject: m.Header.Get("Nats-Subject"), Header: m.Header, Data: m.Data, Sequence: sequence, Time: at}, nil
}
