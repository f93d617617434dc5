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
)

// windowRequest asks a stream for a run of messages, from a sequence on. See "Batched requests" in NATS ADR-31.
type windowRequest struct {
	Sequence uint64 `json:"seq"`
	NextFor  string `json:"next_by_subj"`
	Batch    int    `json:"batch"`
	MaxBytes int    `json:"max_bytes"`
}

// Window reads the messages of a stream on a subject, which may have wildcards, with sequences from first to last, in
// their order. It reads 256 messages or 4 MiB at most; complete says that there are no more in the range. It needs no
// consumer, but a stream that allows direct reads, and may be answered by a replica that lags.
func (b *Bus) Window(ctx context.Context, stream, subject string, first, last uint64) (messages []Stored, complete bool, err error) {
	n := windowMessages
	if last-first < windowMessages {
		n = int(last-first) + 1 // #nosec G115 -- it is below windowMessages
	}
	body, err := json.Marshal(windowRequest{first, subject, n, windowBytes})
	if err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	inbox := b.nc.NewRespInbox()
	answers, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, false, classify(err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := b.nc.PublishRequest(b.api+"DIRECT.GET."+stream, inbox, body); err != nil {
		return nil, false, classify(err)
	}
	for {
		m, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return nil, false, classify(err)
		}
		if end, complete, err := windowEnd(m); end {
			return messages, complete || len(messages) == n && messages[n-1].Sequence == last, err
		}
		s, err := directMessage(m)
		if err != nil {
			return nil, false, classify(err)
		}
		if s.Sequence > last {
			return messages, true, nil // the rest of the batch comes to nobody
		}
		messages = append(messages, s)
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
