package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
)

// serveBare is the smallest handler: it reads the body and answers 200. As checks it verifies the request first, as a
// middleware would, and stores nothing; as sync it stores the request first, by one synchronous publish; as group it stores
// it first together with others, by the publisher that hookproof uses.
func serveBare(ctx context.Context, mode, listen, url string, replicas int) error {
	publish := func(*http.Request, []byte) error { return nil }
	switch mode {
	case "checks":
		publish = newMiddleware().check
	case "sync":
		js, closeBus, err := bareStream(ctx, url, replicas)
		if err != nil {
			return err
		}
		defer closeBus()
		publish = func(r *http.Request, body []byte) error {
			_, err := js.PublishMsg(r.Context(), bareMessage(r, body))
			return err
		}
	case "group":
		_, closeStream, err := bareStream(ctx, url, replicas)
		if err != nil {
			return err
		}
		defer closeStream()
		b, err := bus.Connect(bus.Config{URL: url, Name: "bare"}, slog.Default())
		if err != nil {
			return err
		}
		defer b.Close()
		p := b.NewPublisher(bus.CommitFast)
		publish = func(r *http.Request, body []byte) error {
			_, err := p.Publish(r.Context(), bareMessage(r, bytes.Clone(body)), 5*time.Second)
			return err
		}
	}
	srv := &http.Server{Addr: listen, Handler: bareHandler(publish), ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func bareStream(ctx context.Context, url string, replicas int) (jetstream.JetStream, func(), error) {
	nc, err := nats.Connect(url)
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	if err == nil {
		_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "BARE", Subjects: []string{"bare.*"}, Storage: jetstream.FileStorage, Replicas: replicas,
			AllowBatchPublish: true})
	}
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("bare stream: %w", err)
	}
	return js, nc.Close, nil
}

// bareMessage carries the request as plainly as a message can: its headers beside its body.
func bareMessage(r *http.Request, body []byte) *nats.Msg {
	h := make(nats.Header, len(r.Header)+2)
	h["Http-Path"] = []string{r.URL.Path}
	h["Http-Remote"] = []string{r.RemoteAddr}
	for name, values := range r.Header {
		h["Http-"+name] = values
	}
	return &nats.Msg{Subject: "bare.genesys", Header: h, Data: body}
}

func bareHandler(publish func(*http.Request, []byte) error) http.Handler {
	buffers := sync.Pool{New: func() any { return new(bytes.Buffer) }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(b)
		b.Reset()
		if _, err := io.Copy(b, http.MaxBytesReader(w, r.Body, 1<<20)); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if err := publish(r, b.Bytes()); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}
