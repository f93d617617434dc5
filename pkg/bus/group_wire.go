package bus

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers of an atomic batch.
const (
	batchIDHeader       = "Nats-Batch-Id"
	batchSequenceHeader = "Nats-Batch-Sequence"
	batchCommitHeader   = "Nats-Batch-Commit"
)

// fastSuffix ends the reply subject by which the server knows a message of a fast-ingest batch:
// <inbox>.<token>.<flow>.<gap>.<sequence>.<operation>.$FI
const (
	fastPrefix = ".500.fail." // flow: an acknowledgement in between every 500 messages at most; gap: the batch ends at the first message that is not stored
	fastStart  = ".0.$FI"
	fastAppend = ".1.$FI"
	fastCommit = ".2.$FI"
)

// Error codes that say that a stream does not take groups.
const (
	codeAtomicDisabled jetstream.ErrorCode = 10174
	codeFastDisabled   jetstream.ErrorCode = 10205
)

// write sends the messages of a group in their order.
func (p *Publisher) write(g *group) error {
	reply, n := p.inbox+g.token, len(g.members)
	var m nats.Msg // the client does not keep it
	for i, e := range g.members {
		m = nats.Msg{Subject: e.msg.Subject, Header: e.msg.Header, Data: e.msg.Data}
		switch {
		case n == 1:
			m.Reply = reply
		case p.commit == CommitAtomic:
			m.Header = atomicHeader(m.Header, g.token, i, n)
			if i == n-1 { // the others are not answered
				m.Reply = reply
			}
		default:
			m.Reply = fastReply(reply, i, n)
		}
		if err := p.bus.nc.PublishMsg(&m); err != nil {
			return err
		}
	}
	return nil
}

// fastReply returns the reply subject of the message at index i of n.
func fastReply(reply string, i, n int) string {
	operation := fastAppend
	switch i {
	case 0:
		operation = fastStart
	case n - 1:
		operation = fastCommit
	}
	return reply + fastPrefix + strconv.Itoa(i+1) + operation
}

// atomicHeader returns a copy of a header with what makes its message the one at index i of n in a batch.
func atomicHeader(from nats.Header, token string, i, n int) nats.Header {
	h := make(nats.Header, len(from)+3)
	maps.Copy(h, from)
	h[batchIDHeader] = []string{token}
	h[batchSequenceHeader] = []string{strconv.Itoa(i + 1)}
	if i == n-1 {
		h[batchCommitHeader] = []string{"1"}
	}
	return h
}

// groupAnswer is what the server said of a group.
type groupAnswer struct {
	stored int // of a group of several, how many of its first messages are stored
	ack    Ack // of a group of one
	err    error
	plain  bool // the answer of a server or a stream that does not take groups
}

var flowAnswer = []byte(`"type":"`)

// readAnswer reads an answer to a group of n messages with a token. It is not final when it is about the flow of a batch, or a refusal of
// one message that the final one counts.
func readAnswer(m *nats.Msg, token string, n int) (a groupAnswer, final bool) {
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return groupAnswer{err: nats.ErrNoResponders}, true
	}
	if n > 1 && bytes.Contains(m.Data, flowAnswer) {
		return groupAnswer{}, false
	}
	var r struct {
		Stream    string              `json:"stream"`
		Sequence  uint64              `json:"seq"`
		Duplicate bool                `json:"duplicate"`
		Batch     string              `json:"batch"`
		Count     int                 `json:"count"`
		Error     *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &r); err != nil {
		return groupAnswer{err: errors.Join(errUnreadableAnswer, err)}, true
	}
	switch {
	case r.Error != nil:
		code := r.Error.ErrorCode
		return groupAnswer{err: r.Error, plain: n > 1 && (code == codeAtomicDisabled || code == codeFastDisabled)}, true
	case r.Stream == "":
		return groupAnswer{err: errUnreadableAnswer}, true
	case n == 1:
		return groupAnswer{ack: Ack{Stream: r.Stream, Sequence: r.Sequence, Duplicate: r.Duplicate}}, true
	case r.Batch == "":
		return groupAnswer{plain: true}, true
	case r.Batch != token || r.Count < 0 || r.Count > n: // of something else than this group
		return groupAnswer{}, true
	}
	return groupAnswer{stored: r.Count}, true
}

var (
	errUnreadableAnswer = errors.New("unreadable acknowledgement")
	errPartly           = errors.New("not every message of a group was sent")
)

// apart reports whether each message of a group may have an answer of its own: the server answered and left some open, it
// refused the group, or the group was not sent as a whole.
func apart(err error) bool {
	var api *jetstream.APIError
	return err == nil || errors.Is(err, errPartly) || errors.As(err, &api)
}
