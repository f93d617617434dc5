package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/deploy/tools/chaos/cluster"
	"github.com/hookproof/hookproof/pkg/bus"
)

// builtServer is the nats-server of all tests.
var builtServer string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "chaos-cluster")
		if err == nil {
			defer os.RemoveAll(dir)
			builtServer, err = cluster.Build(context.Background(), dir)
		}
		if err != nil {
			return 1
		}
		return m.Run()
	}())
}

func start(t *testing.T, opts cluster.Options) *cluster.Cluster {
	t.Helper()
	opts.Dir, opts.Server = t.TempDir(), builtServer
	c, err := cluster.Start(within(t, time.Minute), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.Logs())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// connect connects as hookproof does: for ever, and without a buffer.
func connect(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.ReconnectWait(100*time.Millisecond), nats.Timeout(2*time.Second))
	try(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	try(t, err)
	return js
}

func makeStream(t *testing.T, js jetstream.JetStream, replicas int) {
	t.Helper()
	_, err := js.CreateStream(within(t, 20*time.Second), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Replicas: replicas})
	try(t, err)
}

// publisher publishes numbers, each until it is acknowledged, and counts.
type publisher struct {
	mu    sync.Mutex
	acked int
	most  time.Duration // the longest wait for an acknowledgement
}

func (p *publisher) run(ctx context.Context, js jetstream.JetStream) {
	for i := 0; ctx.Err() == nil; {
		began := time.Now()
		for ctx.Err() == nil {
			attempt, cancel := context.WithTimeout(ctx, time.Second)
			_, err := js.Publish(attempt, "s", fmt.Append(nil, i), jetstream.WithMsgID(fmt.Sprint(i)))
			cancel()
			if err == nil {
				i++
				p.mu.Lock()
				p.acked, p.most = i, max(p.most, time.Since(began))
				p.mu.Unlock()
				break
			}
		}
	}
}

func (p *publisher) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acked
}

// reaches waits until so many are acknowledged.
func (p *publisher) reaches(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); p.count() < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d publishes acknowledged, want %d", p.count(), n)
		}
	}
}

// stored returns the number of messages in the stream, as its leader has it.
func stored(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	s, err := js.Stream(within(t, 20*time.Second), "S")
	try(t, err)
	return s.CachedInfo().State.Msgs
}

// TestLeaderKilled holds that nothing acknowledged by a cluster is lost with the leader.
func TestLeaderKilled(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{Nodes: 3})
	admin := connect(t, c.URL())
	makeStream(t, admin, 3)
	link, err := c.Link("publisher")
	try(t, err)
	js := connect(t, link.URL())
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var p publisher
	var running sync.WaitGroup
	running.Go(func() { p.run(ctx, js) })
	p.reaches(t, 200)
	for range 2 {
		leader, err := c.WaitLeader(within(t, 30*time.Second), "S")
		try(t, err)
		try(t, c.Kill(leader))
		p.reaches(t, p.count()+200)
		try(t, c.Restart(leader))
		try(t, c.WaitHealthy(within(t, time.Minute)))
	}
	stop()
	running.Wait()
	// The last one may have been stored without its acknowledgement.
	if n, acked := stored(t, admin), uint64(p.count()); n != acked && n != acked+1 {
		t.Errorf("%d messages stored, %d acknowledged", n, acked)
	}
	t.Logf("%d acknowledged, the longest wait %s", p.count(), p.most)
}

// TestPartition cuts the leader off from the others. They go on, it does not, and healed it has what they have.
func TestPartition(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{Nodes: 3})
	makeStream(t, connect(t, c.URL()), 3)
	for _, fault := range []struct {
		name  string
		apply func(cluster.Links) error
	}{{"cut", cluster.Links.Cut}, {"half-open", cluster.Links.HalfOpen}} {
		leader, err := c.WaitLeader(within(t, 30*time.Second), "S")
		try(t, err)
		around := c.Around(leader)
		try(t, fault.apply(around))
		next, err := c.WaitLeader(within(t, 30*time.Second), "S", leader)
		try(t, err)
		publish := func(node int) error {
			_, err := connect(t, c.NodeURL(node)).Publish(within(t, 3*time.Second), "s", nil)
			return err
		}
		if err := publish(next); err != nil {
			t.Errorf("%s: the majority does not store: %v", fault.name, err)
		}
		if err := publish(leader); err == nil {
			t.Errorf("%s: the minority acknowledged a message", fault.name)
		}
		try(t, around.Heal())
		try(t, c.WaitHealthy(within(t, time.Minute)))
		if err := publish(leader); err != nil {
			t.Errorf("%s, healed: %v", fault.name, err)
		}
	}
}

// TestPublishAgain publishes to a leader that has lost its majority, and again once that timed out: no message may count as
// stored. In a group it would, which is what PublishAgain is for.
func TestPublishAgain(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{Nodes: 3})
	js := connect(t, c.URL())
	_, err := js.CreateStream(within(t, 30*time.Second), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Replicas: 3, AllowBatchPublish: true})
	try(t, err)
	leader, err := c.WaitLeader(within(t, 30*time.Second), "S")
	try(t, err)
	b, err := bus.Connect(bus.Config{URL: c.NodeURL(leader)}, slog.New(slog.DiscardHandler))
	try(t, err)
	t.Cleanup(b.Close)
	p := b.NewPublisher(bus.CommitFast)
	atOnce := func(run string, publish func(context.Context, *nats.Msg, time.Duration) (bus.Ack, error)) (stored int64) {
		var all sync.WaitGroup
		var n atomic.Int64
		for i := range 16 {
			all.Go(func() {
				m := &nats.Msg{Subject: "s", Data: []byte("x"), Header: nats.Header{"Nats-Msg-Id": {fmt.Sprint(run, i)}}}
				if _, err := publish(t.Context(), m, time.Second); err == nil {
					n.Add(1)
				}
			})
		}
		all.Wait()
		return n.Load()
	}
	if n := atOnce("before", p.Publish); n != 16 {
		t.Fatalf("%d of 16 stored before", n)
	}
	try(t, c.Around(leader).HalfOpen())
	if n := atOnce("cut off", p.Publish); n != 0 {
		t.Fatalf("a leader without majority acknowledged %d messages", n)
	}
	time.Sleep(3 * time.Second) // until the publisher has given the groups up
	if n := atOnce("cut off", p.PublishAgain); n != 0 {
		t.Errorf("published again, %d messages count as stored", n)
	}
	if n := atOnce("cut off", p.Publish); n == 0 {
		t.Error("nats-server no longer counts what is on its way as stored: PublishAgain is not needed any more")
	}
}

// TestLink breaks the link of a client in each way. Each has to be seen, to leave another client alone, and to heal.
func TestLink(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{Nodes: 1})
	other := connect(t, c.URL())
	makeStream(t, other, 1)
	link, err := c.Link("role")
	try(t, err)
	js := connect(t, link.URL())
	publish := func(js jetstream.JetStream, limit time.Duration) error {
		_, err := js.Publish(within(t, limit), "s", nil)
		return err
	}
	healed := func() {
		t.Helper()
		try(t, link.Heal())
		for end := time.Now().Add(20 * time.Second); ; {
			if err := publish(js, time.Second); err == nil {
				return
			} else if time.Now().After(end) {
				t.Fatalf("healed: %v", err)
			}
		}
	}
	try(t, publish(js, time.Second))
	for _, fault := range []struct {
		name   string
		apply  func() error
		stores uint64
	}{{"cut", link.Cut, 0}, {"half-open", link.HalfOpen, 0}, {"deaf", link.Deafen, 1}} {
		before := stored(t, other)
		try(t, fault.apply())
		if err := publish(js, 300*time.Millisecond); err == nil {
			t.Errorf("%s: the publish was acknowledged", fault.name)
		} else if fault.name == "half-open" && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want a time-out", fault.name, err)
		}
		if got := stored(t, other) - before; got != fault.stores {
			t.Errorf("%s: %d messages stored, want %d", fault.name, got, fault.stores)
		}
		if err := publish(other, time.Second); err != nil {
			t.Errorf("%s: another client: %v", fault.name, err)
		}
		healed()
	}
	try(t, link.Slow(200*time.Millisecond, 0))
	began := time.Now()
	try(t, publish(js, 5*time.Second))
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("slow by 200 ms each way: acknowledged after %s", took)
	}
	healed()
}

// TestRestart kills a single node, and stops it, and finds its stream again.
func TestRestart(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{Nodes: 1, SyncAlways: true})
	js := connect(t, c.URL())
	makeStream(t, js, 1)
	for i := range 20 {
		_, err := js.Publish(within(t, 5*time.Second), "s", fmt.Append(nil, i))
		try(t, err)
	}
	try(t, c.KillAll())
	if err := c.Healthy(within(t, time.Second), 0); err == nil {
		t.Error("a killed node is healthy")
	}
	try(t, c.RestartAll())
	try(t, c.WaitHealthy(within(t, time.Minute)))
	js = connect(t, c.URL())
	if n := stored(t, js); n != 20 {
		t.Errorf("%d messages after a kill, want 20", n)
	}
	try(t, c.Stop(0))
	if _, err := js.Publish(within(t, 300*time.Millisecond), "s", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("publish to a stopped node: %v, want a time-out", err)
	}
	try(t, c.Cont(0))
	_, err := js.Publish(within(t, 10*time.Second), "s", nil)
	try(t, err)
}
