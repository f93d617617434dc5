package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
)

// example is an example consumer, its table and its log.
type example struct {
	t          *testing.T
	command    []string
	env        []string
	table, log string
}

func newExample(t *testing.T, command []string, url string, env ...string) *example {
	dir := t.TempDir()
	e := &example{t: t, command: command, table: filepath.Join(dir, "events"), log: filepath.Join(dir, "log")}
	e.env = slices.Concat(environ(), []string{"NATS_URL=" + url, "TABLE=" + e.table, "VERIFY_SECRET=" + testSecret}, env)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the consumer's log:\n%s", e.logged())
		}
	})
	return e
}

// start starts the consumer, waits until it says that it consumes, and ends it with the test. The logs of all its lives
// stand in one file.
func (e *example) start() *child {
	e.t.Helper()
	lives := len(e.says("consuming"))
	log, err := os.OpenFile(e.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()
	c := &child{cmd: exec.Command(e.command[0], e.command[1:]...), done: make(chan struct{})}
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = e.env, log, log
	if err := c.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	e.t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.done
	})
	for deadline := time.Now().Add(30 * time.Second); len(e.says("consuming")) == lives; time.Sleep(10 * time.Millisecond) {
		select {
		case <-c.done:
			e.t.Fatalf("it ended before it consumed: %v", c.err)
		default:
		}
		if time.Now().After(deadline) {
			e.t.Fatal("it does not consume after 30 s")
		}
	}
	return c
}

func (e *example) logged() string {
	b, _ := os.ReadFile(e.log) // absent before the first start
	return string(b)
}

// says returns the ids of the log's lines with the message, in their order.
func (e *example) says(message string) (ids []string) {
	for line := range strings.Lines(e.logged()) {
		var l struct{ Msg, ID string }
		if json.Unmarshal([]byte(line), &l) == nil && strings.HasPrefix(l.Msg, message) { // a kill may cut a line
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// rows returns the bodies that a table holds.
func (e *example) rows(table string) (bodies []string) {
	names, _ := filepath.Glob(filepath.Join(table, "*"))
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // the directory for files that are being written
		}
		var row struct{ Body []byte }
		if err := json.Unmarshal(b, &row); err != nil {
			e.t.Errorf("the row %s is damaged: %q: %v", name, b, err)
		}
		bodies = append(bodies, string(row.Body))
	}
	return bodies
}

// durable makes a durable on VERIFIED as deploy/consuming.md tells the admin to.
func (r *rig) durable(name string, ackWait time.Duration) jetstream.JetStream {
	r.t.Helper()
	nc, err := nats.Connect(r.server.URL())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := js.CreateConsumer(r.t.Context(), bus.StreamVerified, jetstream.ConsumerConfig{Durable: name, FilterSubject: "verified.*",
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxDeliver: -1}); err != nil {
		r.t.Fatal(err)
	}
	return js
}

// sendToConsumer sends n events of one webhook, and two with one body of another whose honest bodies repeat. It returns the
// bodies that a consumer has to have an effect for, and the messages of the first webhook.
func (r *rig) sendToConsumer(n int) (bodies []string, verified []bus.Stored) {
	r.t.Helper()
	batch := uuid.NewString()
	for i := range n {
		body := fmt.Appendf(nil, `{"batch":%q,"number":%d}`, batch, i)
		bodies = append(bodies, string(body))
		verified = append(verified, expect(r.t, r, r.accept("genesys", signed(body), body), "genesys", body, "", ""))
	}
	beat := fmt.Appendf(nil, `{"batch":%q,"alive":true}`, batch)
	for range 2 {
		expect(r.t, r, r.accept("beats", signed(beat), beat), "beats", beat, "", "")
		bodies = append(bodies, string(beat))
	}
	return bodies, verified
}

// sendCopy publishes a verified event again, as a verifier would once the streams have forgotten it: after the horizon
// under its own id, after the replay memory as another request.
func (r *rig) sendCopy(m bus.Stored, sameID bool) {
	r.t.Helper()
	h := nats.Header{}
	for name, values := range m.Header {
		h[name] = values
	}
	h.Set("Nats-Msg-Id", uuid.NewString())
	if sameID {
		h.Set(event.HeaderPossibleDuplicate, "true")
	} else {
		id := uuid.Must(uuid.NewV7()).String()
		h.Set(event.HeaderID, id)
		h[event.HeaderCEID] = []string{id}
	}
	r.publish(&nats.Msg{Subject: m.Subject, Header: h, Data: m.Data})
}

// sendForged publishes on verified.* what no verifier would: an event that the sender did not sign.
func (r *rig) sendForged(body []byte) {
	r.t.Helper()
	m := captured(r.t, "genesys", []byte("another body"), time.Now())
	request, err := event.Decode(m)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Body = body
	r.publish(event.VerifiedMsg(request, event.Judgement{Verifier: "nobody", Key: "Zm9yZ2VkIGV2ZW50IGtleQ"}))
}
