package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// follow publishes desired states in their order, and prints the statuses that answer them until each is done or has failed.
func follow(ctx context.Context, to configs, states []webhook.Webhook, wait time.Duration, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	subject := event.Subject(webhook.StatusRoot, states[0].Webhook)
	if len(states) > 1 {
		subject = event.Subject(webhook.StatusRoot, "*")
	}
	statuses := make(chan webhook.Status, 64*len(states))
	stop, err := to.bus.Listen(subject, func(m *nats.Msg) {
		var s webhook.Status
		if json.Unmarshal(m.Data, &s) == nil {
			select {
			case statuses <- s:
			default: // so many that some may be left out; the last one comes again on the next attempt
			}
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	waits := waiting{}
	for _, w := range states {
		sequence, err := to.publish(ctx, w)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "%s: published (%d)\n", w.Webhook, sequence)
		waits[w.Webhook] = sequence
	}
	var failed []error
	for len(waits) > 0 {
		select {
		case <-ctx.Done():
			names := strings.Join(slices.Sorted(maps.Keys(waits)), ", ")
			return errors.Join(append(failed, fmt.Errorf("%s: not done after %s; it goes on, see hookproof status", names, wait))...)
		case s := <-statuses:
			failed = append(failed, waits.take(s, p.stdout))
		}
	}
	return errors.Join(failed...)
}

// waiting holds the sequence of the message of each webhook that is not done.
type waiting map[string]uint64

// take prints a status that answers one of the messages, and returns its error once it is final.
func (w waiting) take(s webhook.Status, out io.Writer) error {
	sequence, ok := w[s.Webhook]
	switch {
	case !ok || s.ConfigSequence < sequence:
		return nil
	case s.ConfigSequence > sequence:
		delete(w, s.Webhook)
		return fmt.Errorf("%s: superseded by a newer message (%d)", s.Webhook, s.ConfigSequence)
	}
	fmt.Fprintln(out, statusLine(s))
	if !s.Phase.Final() {
		return nil
	}
	delete(w, s.Webhook)
	return failure(s)
}
