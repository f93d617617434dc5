package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Streams of a buffer: of an embedded server beside an ingress, which keeps what was captured until the hub has it.
const (
	StreamBuffer  = "BUFFER"  // what waits to be forwarded
	StreamRefused = "REFUSED" // what the hub takes at no time, such as for its size
)

// Durable consumers of a buffer, made by SetupBuffer.
const (
	ConsumerForwarder = "forwarder" // on BUFFER
	ConsumerRefused   = "refused"   // on REFUSED
	ConsumerProbe     = "probe"     // on BUFFER
)

// RefusedRoot is the first token of the subjects of REFUSED; the second is the webhook's name.
const RefusedRoot = "refused"

const (
	probeSubject = "probe"
	// refusedShare is the part of a buffer's bytes that REFUSED may hold beside it.
	refusedShare = 10
	// forwarderPending bounds what is with the forwarder at once.
	forwarderPending = 1024
)

// SetupBuffer makes the streams of a buffer on an embedded server, or brings them to their declared settings. BUFFER is as
// UNVERIFIED is, with so many bytes; REFUSED may hold a tenth of that beside it. A limit below what a stream holds is
// logged and left for a later start.
//
// The consumers are made anew, so that what a killed process had in flight is delivered at once and in order. What was
// acknowledged is gone from the streams, so there is nothing for them to remember.
func (b *Bus) SetupBuffer(ctx context.Context, maxBytes int64, embedded *Server) error {
	streams, consumers := bufferDecls(maxBytes)
	var plan Plan
	for _, want := range streams {
		c, err := b.planStream(ctx, want, embedded.hasFiles)
		if err != nil {
			return fmt.Errorf("stream %s: %w", want.Name, err)
		}
		plan = plan.with(c)
	}
	if err := plan.Refused(); err != nil { // no reason to turn requests away
		b.log.Warn("a setting of the buffer stays as it is", "error", err)
	}
	if err := b.Apply(ctx, plan); err != nil {
		return err
	}
	for _, c := range consumers {
		if err := b.js.DeleteConsumer(ctx, c.stream, c.config.Durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("consumer %s of %s: %w", c.config.Durable, c.stream, err)
		}
		if _, err := b.js.CreateConsumer(ctx, c.stream, c.config); err != nil {
			return fmt.Errorf("consumer %s of %s: %w", c.config.Durable, c.stream, err)
		}
	}
	return nil
}

func bufferDecls(maxBytes int64) ([]jetstream.StreamConfig, []consumerDecl) {
	all := Topology{}.withDefaults().streams()
	captured := all[slices.IndexFunc(all, func(c jetstream.StreamConfig) bool { return c.Name == StreamUnverified })]
	buffer, refused := captured, captured
	buffer.Name, buffer.MaxBytes, buffer.Description = StreamBuffer, maxBytes, "captured requests that wait to be forwarded"
	buffer.Subjects = append(slices.Clone(captured.Subjects), probeSubject)
	refused.Name, refused.MaxBytes, refused.Description = StreamRefused, maxBytes/refusedShare, "captured requests that the hub refuses; somebody has to look"
	refused.Subjects = []string{RefusedRoot + ".*"}
	consumer := func(name, filter string) jetstream.ConsumerConfig {
		return jetstream.ConsumerConfig{Durable: name, FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy,
			AckWait: time.Minute, MaxDeliver: -1, MaxAckPending: forwarderPending}
	}
	return []jetstream.StreamConfig{buffer, refused}, []consumerDecl{
		{StreamBuffer, consumer(ConsumerForwarder, captured.Subjects[0])},
		{StreamBuffer, consumer(ConsumerProbe, probeSubject)},
		{StreamRefused, consumer(ConsumerRefused, refused.Subjects[0])},
	}
}

// ProbeBuffer stores a message in BUFFER, so that it errs when a request could not be stored either. Consuming
// ConsumerProbe takes it out again.
func (b *Bus) ProbeBuffer(ctx context.Context) error {
	_, err := b.Publish(ctx, &nats.Msg{Subject: probeSubject})
	return err
}
