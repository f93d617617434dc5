package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hookproof/hookproof/pkg/bus"
)

// compatDir holds what former versions wrote, a directory a format. Its files are never changed: a store that was written
// then has to be read now.
const compatDir = "../../../testdata/compat"

// formerStore is a store as a former version left it.
type formerStore struct {
	Streams   []jetstream.StreamConfig `json:"streams"`
	Consumers []struct {
		Stream string                   `json:"stream"`
		Config jetstream.ConsumerConfig `json:"config"`
	} `json:"consumers"`
	Messages map[string][]struct {
		Subject string      `json:"subject"`
		Header  nats.Header `json:"header"`
		Data    string      `json:"data"`
	}
}

// loadStore makes the data directory of an embedded server that a version left behind: loadstore v1 dir.
func loadStore(ts *testscript.TestScript, _ bool, args []string) {
	var former formerStore
	for name, into := range map[string]any{"topology.json": &former, "store.json": &former.Messages} {
		b, err := os.ReadFile(filepath.Join(compatDir, args[0], name))
		ts.Check(err)
		ts.Check(json.Unmarshal(b, into))
	}
	dir := ts.MkAbs(args[1])
	srv, err := bus.StartServer(bus.ServerConfig{Dir: dir, Listen: "127.0.0.1:0"}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ts.Check(err)
	defer srv.Shutdown()
	nc, err := nats.Connect(srv.URL())
	ts.Check(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	ts.Check(err)
	ctx := context.Background()
	for _, c := range former.Streams {
		_, err := js.CreateStream(ctx, c)
		ts.Check(err)
	}
	for _, c := range former.Consumers {
		_, err := js.CreateConsumer(ctx, c.Stream, c.Config)
		ts.Check(err)
	}
	for _, messages := range former.Messages {
		for _, m := range messages {
			_, err := js.PublishMsg(ctx, &nats.Msg{Subject: m.Subject, Header: m.Header, Data: []byte(m.Data)})
			ts.Check(err)
		}
	}
	key, err := os.ReadFile(filepath.Join(compatDir, args[0], "pool.xkey"))
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, "pool.xkey"), key, 0o600))
}
