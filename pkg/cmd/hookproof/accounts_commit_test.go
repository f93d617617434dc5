package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// TestAccountsLeaveNothingBehind has an ingress store groups through the border of its account. The server keeps an entry
// for each message that named a reply subject and was not answered, for as long as the export says. By default no such
// message is sent; where HOOKPROOF_COMMIT has it so, an entry is kept for seconds.
func TestAccountsLeaveNothingBehind(t *testing.T) {
	a := startAccounts(t, nil)
	hooks, err := a.srv.LookupAccount("HOOKS")
	if err != nil {
		t.Fatal(err)
	}
	a.storeInGroups("auto")
	a.eventually("no entry left of groups", func() bool { return hooks.NumPendingAllResponses() == 0 })
	n := a.storeInGroups("fast")
	if left := hooks.NumPendingAllResponses(); left < n/4 {
		t.Errorf("%d of %d messages in fast groups left an entry: the server no longer does it", left, n)
	}
	if kept, err := hooks.ServiceExportResponseThreshold("unverified.*"); err != nil || kept > 10*time.Second {
		t.Errorf("an entry is kept for %s, %v, want 10s at most: 10,000 requests/s would leave a million in 2 minutes", kept, err)
	}
}

// storeInGroups stores as the ingress, from many goroutines at once, and returns how many messages.
func (a *accounts) storeInGroups(commit string) int {
	a.t.Helper()
	b, err := bus.Connect(commitFlags{commit}.to(a.flags("ingress", "HOOKS.API").config("ingress"), false), bustest.Log(a.t))
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(b.Close) // with the connection its entries would go
	p := b.NewPublisher(bus.CommitConfigured)
	const senders, each = 64, 20
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			for n := range each {
				m := &nats.Msg{Subject: "unverified.orders", Header: nats.Header{"Nats-Msg-Id": {fmt.Sprint(commit, i, "-", n)}}, Data: []byte("body")}
				if _, err := p.Publish(context.Background(), m, time.Minute); err != nil {
					a.t.Errorf("publish by %s: %v", commit, err)
				}
			}
		})
	}
	all.Wait()
	return senders * each
}
