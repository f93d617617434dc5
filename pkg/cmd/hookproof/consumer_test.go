package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
)

// goConsumer builds deploy/examples/consumer-go, once.
var goConsumer = sync.OnceValues(func() (string, error) {
	dir, err := buildDir()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-race", "-o", filepath.Join(dir, "consumer"), ".")
	cmd.Dir = "../../../deploy/examples/consumer-go"
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return filepath.Join(dir, "consumer"), nil
})

func goConsumerCommand(t *testing.T) []string {
	t.Helper()
	path, err := goConsumer()
	if err != nil {
		t.Fatal(err)
	}
	return []string{path}
}

// TestConsumerGo holds the example consumer in Go to what deploy/consuming.md promises of it.
func TestConsumerGo(t *testing.T) {
	t.Parallel() // it waits more than it works
	testConsumer(t, goConsumerCommand(t))
}

// TestConsumerGoAccounts runs it as the reader of the configuration for production.
func TestConsumerGoAccounts(t *testing.T) {
	testConsumerAccounts(t, goConsumerCommand(t))
}

// testConsumer sends events, ends the consumer in each way while it works, and wants the effect of each event once.
func testConsumer(t *testing.T, command []string) {
	r := newRig(t, bus.Topology{}, 2)
	s := scheme(t, signature.NameGenesysWebhook)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: s})
	r.configure(policy.Policy{Webhook: "beats", Scheme: s, ReplayOff: true})
	js := r.durable("reader", 2*time.Second)
	c := &consuming{newExample(t, command, r.server.URL()), r, js, nil}
	c.killed(t)
	c.drained(t)
	last := c.start()
	c.settles(t)
	c.givenBack(t)
	c.putAside(t)
	last.stop(t)
	c.counted(t)

	// Where there is no durable and it may make one, it does.
	other := newExample(t, command, r.server.URL(), "DURABLE=made-by-itself")
	first := other.start()
	r.eventually("all events again", func() bool { return len(other.rows(other.table)) == len(c.want) })
	first.stop(t)
}

// consuming is an example consumer of a rig's events, and what it has to have an effect for.
type consuming struct {
	*example
	rig  *rig
	js   jetstream.JetStream
	want []string
}

// killed kills it in the middle of its work, again and again, with copies among the events.
func (c *consuming) killed(t *testing.T) {
	for i, m := range c.send(200)[:6] {
		c.rig.sendCopy(m, i%2 == 0)
	}
	for n := 30; n <= 150; n += 30 {
		life := c.start()
		c.rig.eventually(fmt.Sprintf("%d effects", n), func() bool { return len(c.rows(c.table)) >= n })
		_ = life.cmd.Process.Kill()
		life.killed(t)
	}
	last := c.start()
	c.settles(t)
	last.stop(t)
}

// drained tells it to end in the middle of its work. It leaves nothing that it took for another to wait for.
func (c *consuming) drained(t *testing.T) {
	before := len(c.want)
	c.send(60)
	life := c.start()
	c.rig.eventually("some of the next effects", func() bool { return len(c.rows(c.table)) >= before+10 })
	life.stop(t)
	c.rig.eventually("nothing left that was taken", func() bool { return c.info(t).NumAckPending == 0 })
}

// givenBack takes its table away for a while. The events come again.
func (c *consuming) givenBack(t *testing.T) {
	if err := os.Rename(c.table, c.table+".away"); err != nil {
		t.Fatal(err)
	}
	c.send(3)
	c.rig.eventually("events given back", func() bool { return len(c.says("given back")) >= 3 })
	if err := os.Rename(c.table+".away", c.table); err != nil {
		t.Fatal(err)
	}
	c.settles(t)
}

// putAside sends what can never be used: a body that is not JSON, and one whose signature does not verify again.
func (c *consuming) putAside(t *testing.T) {
	text, forged := "not JSON", `{"forged":true}`
	expect(t, c.rig, c.rig.accept("genesys", signed([]byte(text)), []byte(text)), "genesys", []byte(text), "", "")
	c.rig.sendForged([]byte(forged))
	c.rig.eventually("the unusable put aside", func() bool { return len(c.rows(c.table+".dead")) == 2 })
	agree(t, "events put aside", c.rows(c.table+".dead"), []string{text, forged})
	c.settles(t)
}

// counted counts what it says that it did.
func (c *consuming) counted(t *testing.T) {
	done := c.says("done")
	slices.Sort(done)
	if n := len(slices.Compact(slices.Clone(done))); n != len(done) {
		t.Errorf("%d effects of %d events", len(done), n)
	}
	if n := len(c.says("duplicate")); n < 6 {
		t.Errorf("%d duplicates were found, want 6 at least", n)
	}
	if n := len(c.says("possible duplicate")); n < 3 {
		t.Errorf("%d possible duplicates were seen, want 3 at least", n)
	}
}

// send sends n events and some whose bodies repeat, and returns the verified messages of the former.
func (c *consuming) send(n int) []bus.Stored {
	bodies, verified := c.rig.sendToConsumer(n)
	c.want = append(c.want, bodies...)
	return verified
}

// settles waits until every event is acknowledged, and wants the effects of those only, each once.
func (c *consuming) settles(t *testing.T) {
	t.Helper()
	c.rig.eventually("every event acknowledged", func() bool { i := c.info(t); return i.NumPending == 0 && i.NumAckPending == 0 })
	agree(t, "effects", c.rows(c.table), c.want)
}

func (c *consuming) info(t *testing.T) *jetstream.ConsumerInfo {
	t.Helper()
	consumer, err := c.js.Consumer(t.Context(), bus.StreamVerified, "reader")
	if err != nil {
		t.Fatal(err)
	}
	return consumer.CachedInfo()
}

// testConsumerAccounts has the consumer consume as the reader, which may do nothing but that.
func testConsumerAccounts(t *testing.T, command []string) {
	a := startAccounts(t, nil)
	body := a.publishVerified()
	e := newExample(t, command, a.url, a.readerEnv()...)
	c := e.start()
	a.eventually("the effect, and its acknowledgement", func() bool {
		reader, err := a.js.Consumer(t.Context(), bus.StreamVerified, "reader")
		return err == nil && reader.CachedInfo().AckFloor.Stream == 1 && slices.Equal(e.rows(e.table), []string{string(body)})
	})
	c.stop(t)
	if log := e.logged(); strings.Contains(strings.ToLower(log), "permission") {
		t.Errorf("the server refused something to the reader:\n%s", log)
	}
	if _, err := os.Stat(e.table + ".dead"); err != nil || bytes.Contains([]byte(e.logged()), []byte("put aside")) {
		t.Errorf("the event was put aside: %v", err)
	}
}

// publishVerified publishes a verified event, as a verifier would, and returns its body.
func (a *accounts) publishVerified() []byte {
	a.t.Helper()
	body := []byte(`{"from":"the sender"}`)
	request, err := event.Decode(captured(a.t, "orders", body, time.Now()))
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.admin.Publish(a.t.Context(), event.VerifiedMsg(request, event.Judgement{Verifier: "v", Key: "YSBrZXkgb2YgMTI4IGJpdHM"})); err != nil {
		a.t.Fatal(err)
	}
	return body
}
