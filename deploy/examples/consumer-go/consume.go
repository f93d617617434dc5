package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// connect connects. A connection that is lost comes back by itself, and with it the consumer.
func connect() (*nats.Conn, jetstream.JetStream, error) {
	opts := []nats.Option{nats.Name("consumer"), nats.MaxReconnects(-1)}
	if seed := os.Getenv("NATS_NKEY"); seed != "" {
		key, err := nats.NkeyOptionFromSeed(seed)
		if err != nil {
			return nil, nil, err
		}
		opts = append(opts, key)
	}
	if ca := os.Getenv("NATS_CA"); ca != "" {
		opts = append(opts, nats.RootCAs(ca))
	}
	if prefix := os.Getenv("NATS_INBOX_PREFIX"); prefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(prefix))
	}
	nc, err := nats.Connect(setting("NATS_URL", nats.DefaultURL), opts...)
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	if prefix := os.Getenv("NATS_JS_API_PREFIX"); prefix != "" {
		js, err = jetstream.NewWithAPIPrefix(nc, prefix)
	}
	return nc, js, err
}

// bind returns the durable that the admin made. Where there is none and this user may make one, it does.
func bind(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	durable := setting("DURABLE", "reader")
	consumer, err := js.Consumer(ctx, "VERIFIED", durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = js.CreateConsumer(ctx, "VERIFIED", jetstream.ConsumerConfig{
			Durable: durable, FilterSubject: "verified.*", AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second,
			MaxDeliver:    -1, // no event is given up for its number of deliveries
			MaxAckPending: 256,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("durable %s: %w", durable, err)
	}
	return consumer, nil
}

// consume hands each message to the worker until ctx ends, then lets it finish what it holds.
func consume(ctx context.Context, w *worker) error {
	nc, js, err := connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	consumer, err := bind(ctx, js)
	if err != nil {
		return err
	}
	messages, err := consumer.Consume(w.handle, jetstream.PullMaxMessages(64),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { w.log.Warn("consuming", "error", err) }))
	if err != nil {
		return err
	}
	w.log.Info("consuming", "durable", consumer.CachedInfo().Name)
	select {
	case <-messages.Closed():
		return errors.New("the consumer is gone")
	case <-ctx.Done():
	}
	messages.Drain() // what was fetched is still handled
	<-messages.Closed()
	return nc.FlushTimeout(10 * time.Second) // the last acknowledgements are out
}
