package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// errNever says that an event can never be used, however often it is tried.
var errNever = errors.New("not usable")

// worker has the effects. The library calls handle for one message at a time.
type worker struct {
	done, dead *table
	secret     string // of the sender, to verify again; empty for not
	log        *slog.Logger
}

// handle takes one message to its end: acknowledged after its effect is stored, given back when that failed, or put aside.
func (w *worker) handle(m jetstream.Msg) {
	h := m.Headers()
	log := w.log.With("id", h.Get("ce-id"), "type", h.Get("ce-type"), "subject", m.Subject(), "traceparent", h.Get("traceparent"))
	if h.Get("Hookproof-Possible-Duplicate") == "true" {
		log.Info("possible duplicate: it waited longer than the horizon, the table decides")
	}
	first, err := w.effect(m)
	switch {
	case errors.Is(err, errNever):
		log.Error("put aside", "error", err)
		if _, err = w.dead.insert(h.Get("Hookproof-Id"), row(m)); err == nil {
			err = m.TermWithReason("put aside")
		}
	case err == nil && first:
		log.Info("done")
		err = m.Ack()
	case err == nil:
		log.Info("duplicate")
		err = m.Ack()
	}
	if err != nil {
		log.Warn("given back", "error", err)
		_ = m.NakWithDelay(pause(m)) // if this fails too, it comes again after the durable's AckWait
	}
}

// effect does what the event asks for, here to keep a row, and notes its key, in one transaction. False says that it was
// done before.
func (w *worker) effect(m jetstream.Msg) (first bool, err error) {
	if w.secret != "" && !genuine(w.secret, m) {
		return false, fmt.Errorf("%w: signature", errNever)
	}
	if !json.Valid(m.Data()) {
		return false, fmt.Errorf("%w: not JSON", errNever)
	}
	return w.done.insert(key(m.Headers()), row(m))
}

// key is what makes an event the same event: a digest of what the sender signed, or, where the sender's honest bodies repeat
// and the replay check is therefore off, the id of the request.
func key(h nats.Header) string {
	if h.Get("Hookproof-Replay-Check") == "off" {
		return h.Get("ce-id")
	}
	return h.Get("Hookproof-Key")
}

// pause grows with the deliveries, from 1 s to 1 min.
func pause(m jetstream.Msg) time.Duration {
	meta, err := m.Metadata()
	if err != nil || meta.NumDelivered > 6 {
		return time.Minute
	}
	return time.Second << (meta.NumDelivered - 1)
}

// row is what is kept of an event.
func row(m jetstream.Msg) []byte {
	h := m.Headers()
	b, err := json.Marshal(map[string]any{"id": h.Get("ce-id"), "source": h.Get("ce-source"), "type": h.Get("ce-type"), "time": h.Get("ce-time"), "body": m.Data()})
	if err != nil {
		panic(err) // texts and bytes are always encoded
	}
	return b
}
