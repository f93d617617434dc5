package genesystest_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
)

func TestForgeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, x := withTarget(t, genesystest.Config{})
		id := sim.AddWebhook(webhook()).ID
		if _, err := sim.Deliver(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		genuine := x.requests()[0]
		time.Sleep(time.Hour)
		fresh := strconv.FormatInt(time.Now().UnixMilli(), 10)
		stale := strconv.FormatInt(time.Now().Add(-10*time.Minute).UnixMilli(), 10)
		for _, c := range []struct {
			kind      genesystest.Forgery
			same      bool   // the body of the genuine event
			signature string // "good", "bad" or "none"
			timestamp string
		}{
			{genesystest.BadSignature, false, "bad", fresh},
			{genesystest.MissingSignature, false, "none", fresh},
			{genesystest.StaleTimestamp, false, "good", stale},
			{genesystest.ExactReplay, true, "good", genuine.header.Get("X-Genesys-Timestamp")},
			{genesystest.FreshReplay, true, "good", fresh},
		} {
			d, err := sim.Forge(t.Context(), id, c.kind)
			got := x.requests()[len(x.requests())-1]
			if err != nil || d.Forgery != c.kind || (got.body == genuine.body) != c.same || signatureOf(got) != c.signature || got.header.Get("X-Genesys-Timestamp") != c.timestamp {
				t.Errorf("%s: %+v, %v, request %v", c.kind, d, err, got)
			}
		}
		if d := sim.State().Deliveries; d.Events != 1 || len(d.Forged) != len(genesystest.Forgeries()) {
			t.Errorf("deliveries %+v, want one genuine and one of each forgery", d)
		}
	})
}

func signatureOf(r received) string {
	switch r.header.Get("X-Genesys-Signature") {
	case "":
		return "none"
	case sign(key, r.body):
		return "good"
	}
	return "bad"
}

func TestReplayNeedsAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, _ := withTarget(t, genesystest.Config{})
		d, err := sim.Forge(t.Context(), sim.AddWebhook(webhook()).ID, genesystest.ExactReplay)
		if err != nil || d.Forgery != genesystest.BadSignature {
			t.Errorf("Forge = %+v, %v, want a bad signature instead", d, err)
		}
	})
}

// TestRun runs for ten seconds at 20 events a second for each of two webhooks, a quarter of them forged.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		genuine := map[string]int{}
		sim, x := withTarget(t, genesystest.Config{EventRate: 20, ForgeRatio: 0.25, Seed: 1, OnDelivery: func(d genesystest.Delivery) {
			mu.Lock()
			defer mu.Unlock()
			if d.Forgery == "" {
				genuine[d.EventID]++
			}
		}})
		sim.AddWebhook(webhook())
		sim.AddIntegration(integration())
		off := webhook()
		off.Enabled = false
		sim.AddWebhook(off)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := sim.Run(ctx); err != nil {
			t.Fatal(err)
		}
		d, forged := sim.State().Deliveries, 0
		for _, n := range d.Forged {
			forged += n
		}
		total := d.Events + forged
		if total < 390 || total > 404 || forged < total/8 || forged > total*3/8 || d.Accepted != d.Events || len(x.requests()) != total {
			t.Errorf("deliveries %+v, %d requests, want about 400, a quarter forged", d, len(x.requests()))
		}
		if len(genuine) != d.Events {
			t.Errorf("%d different events were reported, want %d", len(genuine), d.Events)
		}
	})
}

// TestRunEndsCleanly shows that an attempt under way when Run ends is still answered, and a retry is not waited for.
func TestRunEndsCleanly(t *testing.T) {
	for _, c := range []struct {
		name     string
		script   []int
		accepted int
		took     time.Duration
	}{
		{"slow answer", []int{-8}, 1, 8 * time.Second},
		{"waiting retry", []int{503}, 0, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim, _ := withTarget(t, genesystest.Config{EventRate: 0.1}, c.script...)
				sim.AddWebhook(webhook())
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				start := time.Now()
				err := sim.Run(ctx)
				if d := sim.State().Deliveries; err != nil || time.Since(start) != c.took || d.Events != 1 || d.Accepted != c.accepted {
					t.Errorf("after %v: %v, %+v, want %d accepted after %v", time.Since(start), err, d, c.accepted, c.took)
				}
			})
		})
	}
}

func TestRunWithoutARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, x := withTarget(t, genesystest.Config{})
		sim.AddWebhook(webhook())
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := sim.Run(ctx); err != nil || len(x.requests()) != 0 {
			t.Errorf("Run = %v with %d requests, want none", err, len(x.requests()))
		}
	})
}
