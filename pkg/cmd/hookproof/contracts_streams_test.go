package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// TestContractsStreams holds what the AsyncAPI document says of streams and durable consumers against a real server that
// was set up: each stream, each durable, and each setting that is named.
func TestContractsStreams(t *testing.T) {
	c := readContracts(t)
	_, srv := bustest.New(t, bus.Topology{})
	nc, err := nats.Connect(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	channels := dig(c.asyncapi, "channels").(map[string]any)
	var documented, made []string
	for root, channel := range channels {
		claims, is := dig(channel, "x-jetstream").(map[string]any)
		if !is {
			continue
		}
		s, err := js.Stream(t.Context(), claims["stream"].(string))
		if err != nil {
			t.Errorf("%s: stream %s: %v", root, claims["stream"], err)
			continue
		}
		documented = append(documented, s.CachedInfo().Config.Name)
		settings := streamSettings(t, s)
		agree(t, "subjects of "+root, s.CachedInfo().Config.Subjects, []string{root + ".*"})
		holdClaims(t, "stream of "+root, claims, settings)
	}
	for name := range js.StreamNames(t.Context()).Name() {
		if name[:3] != "KV_" {
			made = append(made, name)
		}
	}
	agree(t, "streams", documented, made)
	for name, operation := range dig(c.asyncapi, "operations").(map[string]any) {
		claims, is := dig(operation, "x-jetstream").(map[string]any)
		if !is {
			continue
		}
		ref := dig(operation, "channel", "$ref").(string)
		stream := dig(channels[ref[len("#/channels/"):]], "x-jetstream", "stream").(string)
		consumer, err := js.Consumer(t.Context(), stream, claims["durable"].(string))
		if err != nil {
			t.Errorf("operation %s: %v", name, err)
			continue
		}
		cfg := consumer.CachedInfo().Config
		holdClaims(t, "operation "+name, claims, map[string]string{"durable": cfg.Durable, "ack": map[jetstream.AckPolicy]string{jetstream.AckExplicitPolicy: "explicit"}[cfg.AckPolicy],
			"ackWait": cfg.AckWait.String(), "maxDeliver": strconv.Itoa(cfg.MaxDeliver)})
	}
}

// streamSettings are a stream's settings by their names in the document. Those without a limit are left out.
func streamSettings(t *testing.T, s jetstream.Stream) map[string]string {
	t.Helper()
	cfg := s.CachedInfo().Config
	consumers := []string{}
	for name := range s.ConsumerNames(t.Context()).Name() {
		consumers = append(consumers, name)
	}
	settings := map[string]string{
		"stream": cfg.Name, "retention": map[jetstream.RetentionPolicy]string{jetstream.WorkQueuePolicy: "workqueue", jetstream.LimitsPolicy: "limits"}[cfg.Retention],
		"discard": map[jetstream.DiscardPolicy]string{jetstream.DiscardNew: "new", jetstream.DiscardOld: "old"}[cfg.Discard], "duplicateWindow": cfg.Duplicates.String(),
		"consumers": fmt.Sprint(consumers),
	}
	for name, limit := range map[string]int64{"maxMessagesPerSubject": cfg.MaxMsgsPerSubject, "maxMessageSize": int64(cfg.MaxMsgSize)} {
		if limit > 0 {
			settings[name] = strconv.FormatInt(limit, 10)
		}
	}
	if cfg.MaxAge > 0 {
		settings["maxAge"] = cfg.MaxAge.String()
	}
	return settings
}

// holdClaims compares what is documented with what is; durations may be written in any way.
func holdClaims(t *testing.T, what string, claims map[string]any, settings map[string]string) {
	t.Helper()
	agree(t, "settings named of "+what, slices.Collect(maps.Keys(claims)), slices.Collect(maps.Keys(settings)))
	for name, claim := range claims {
		text := fmt.Sprint(claim)
		if d, err := time.ParseDuration(text); err == nil && text != "0" {
			text = d.String()
		}
		if text != settings[name] {
			t.Errorf("%s: %s is documented as %s, and is %s", what, name, text, settings[name])
		}
	}
}
