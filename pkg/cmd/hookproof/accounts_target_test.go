package main

import (
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hookproof/hookproof/pkg/bus"
)

const (
	// settle is how long an attack is given to have an effect that it must not have, which takes the server well under a
	// millisecond.
	settle = 20 * time.Millisecond
	// settleLate is the same once more, for all attacks together.
	settleLate = 500 * time.Millisecond
)

// target is a server with something in every stream that attacks can be tried on.
type target struct {
	*accounts
	api    string            // prefix of the JetStream API for those outside HOOKS
	shared bool              // all users share HOOKS
	acks   map[string]string // the subject that acknowledges the message which a durable holds
	seen   atomic.Int64      // messages on verified.* that a subscriber in HOOKS got
}

// newTarget starts a server, fills its streams, and holds a message of each durable that others might acknowledge.
func newTarget(t *testing.T, change func(*server.Options)) *target {
	t.Helper()
	a := &target{accounts: startAccounts(t, change), api: "HOOKS.API.", acks: map[string]string{}}
	for _, subject := range []string{"unverified.genesys", "verified.genesys", "rejected.genesys", "parked.genesys", "config.genesys", "config.second",
		"$KV.policies.genesys", "$KV.routes.genesys", "$KV.webhooks.genesys"} {
		for i := range 4 {
			if _, err := a.js.Publish(t.Context(), subject, fmt.Appendf(nil, "message %d on %s", i, subject)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for durable, stream := range map[string]string{"verifier": bus.StreamUnverified, "other": bus.StreamVerified, "provisioner": bus.StreamConfig} {
		c, err := a.js.Consumer(t.Context(), stream, durable)
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		a.acks[durable] = m.Reply()
	}
	for _, subject := range []string{"verified.*", "verified.genesys"} {
		if _, err := a.core.Subscribe(subject, func(*nats.Msg) { a.seen.Add(1) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.core.Flush(); err != nil {
		t.Fatal(err)
	}
	return a
}

// suffer tries an attack and reports what changed that must not. It returns whether the server said that a permission was
// missing.
func (a *target) suffer(t *testing.T, x attack) (refused bool) {
	t.Helper()
	nc, before, seen := a.connect(x.user), a.view(), a.seen.Load()
	defer nc.Close()
	x.try(a, t, nc)
	if err := nc.Flush(); err != nil {
		t.Errorf("the connection after the attack: %v", err)
	}
	if refused = errors.Is(nc.LastError(), nats.ErrPermissionViolation); refused {
		x.stores = ""
	} else {
		if x.stores != "" {
			a.eventually("the attack has reached "+x.stores, func() bool {
				return a.view().streams[x.stores].last > before.streams[x.stores].last
			})
		}
		<-time.After(settle)
	}
	a.compare(t, before, x.stores)
	if n := a.seen.Load() - seen; n != 0 {
		t.Errorf("a subscriber to verified.* got %d messages", n)
	}
	return refused
}

// late looks once more at what all attacks together must not have changed.
func (a *target) late(t *testing.T) {
	t.Helper()
	<-time.After(settleLate)
	if v := a.view().streams[bus.StreamVerified]; v.last != 4 || v.messages != 4 {
		t.Errorf("VERIFIED ends at %d with %d messages, want 4 and 4", v.last, v.messages)
	}
	if n := a.seen.Load(); n != 0 {
		t.Errorf("a subscriber to verified.* got %d messages", n)
	}
}

// view is what attacks might change.
type view struct {
	streams map[string]streamView
	held    map[string]int // messages that wait for an acknowledgement, by durable
}

type streamView struct {
	first, last, messages uint64
	deleted, consumers    int
	maxBytes              int64
}

func (a *target) view() view {
	a.t.Helper()
	v := view{streams: map[string]streamView{}, held: map[string]int{}}
	for info := range a.all() {
		s := info.State
		v.streams[info.Config.Name] = streamView{s.FirstSeq, s.LastSeq, s.Msgs, s.NumDeleted, s.Consumers, info.Config.MaxBytes}
	}
	for durable, stream := range map[string]string{"verifier": bus.StreamUnverified, "other": bus.StreamVerified} {
		b, err := a.admin.Backlog(a.t.Context(), stream, durable)
		if err != nil {
			a.t.Fatal(err)
		}
		v.held[durable] = b.AckPending
	}
	return v
}

// all lists every stream that there is.
func (a *target) all() func(yield func(*jetstream.StreamInfo) bool) {
	return func(yield func(*jetstream.StreamInfo) bool) {
		list := a.js.ListStreams(a.t.Context())
		for info := range list.Info() {
			if !yield(info) {
				return
			}
		}
		if err := list.Err(); err != nil {
			a.t.Fatal(err)
		}
	}
}

// compare reports what is not as it was. One stream may hold new messages: the attack's own, on a subject that is allowed.
func (a *target) compare(t *testing.T, before view, stores string) {
	t.Helper()
	after := a.view()
	if was, is := before.streams[stores], after.streams[stores]; stores != "" && is.last != was.last+1 {
		t.Errorf("stream %s ends at %d, was %d: the attack has stored more than its one message", stores, is.last, was.last)
	}
	delete(before.streams, stores)
	delete(after.streams, stores)
	if !maps.Equal(before.streams, after.streams) {
		t.Errorf("streams are\n%+v, were\n%+v", after.streams, before.streams)
	}
	if !maps.Equal(before.held, after.held) {
		t.Errorf("messages held by durables are %v, were %v: somebody else acknowledged", after.held, before.held)
	}
}
