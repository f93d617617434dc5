package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/redrive"
	"github.com/hookproof/hookproof/pkg/signature"
)

var wrongSecret = []policy.Secret{{Ref: "env:HOOKPROOF_SECRET_WRONG"}}

// rejects puts genuine and forged events through a rig whose policy has the wrong secret, gives it the right one, and then
// sends replays of an event that was verified. It returns the ids of each kind.
func (r *rig) rejects(genuine, forged, replays int) (ids, forgeries, replayed []string) {
	r.t.Helper()
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(r.t, signature.NameGenesysWebhook), Secrets: wrongSecret})
	for i := range genuine {
		body := fmt.Appendf(nil, "genuine %d", i)
		ids = append(ids, r.accept("genesys", signed(body), body))
		if i < forged {
			forgeries = append(forgeries, r.accept("genesys", signed(body), []byte("forged "+string(body))))
		}
	}
	r.drained()
	for _, id := range append(ids, forgeries...) {
		r.expectReason(id, event.SignatureMismatch)
	}
	r.mend()
	first := []byte("verified once all was well")
	r.expectReason(r.accept("genesys", signed(first), first), "")
	for range replays {
		id := r.accept("genesys", signed(first), first)
		r.expectReason(id, event.ReplayDetected)
		replayed = append(replayed, id)
	}
	return ids, forgeries, replayed
}

func (r *rig) expectReason(id string, reason event.Reason) {
	r.t.Helper()
	if got := r.outcome(id).Header.Get(event.HeaderReason); got != string(reason) {
		r.t.Fatalf("outcome of %s = %q, want %q", id, got, reason)
	}
}

// mend gives the policy its right secret back.
func (r *rig) mend() {
	r.t.Helper()
	r.drained() // an outcome is heard of before it is stored
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(r.t, signature.NameGenesysWebhook)})
}

var mismatches = redrive.Query{Webhook: "genesys", Reason: event.SignatureMismatch}

func (r *rig) plan(q redrive.Query) *redrive.Plan {
	r.t.Helper()
	if q.Since.IsZero() {
		q.Since = time.Now().Add(-time.Hour)
	}
	p, err := redrive.NewPlan(context.Background(), r.bus, q)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rig) redrive(q redrive.Query) map[redrive.Result]int {
	r.t.Helper()
	got := map[redrive.Result]int{}
	if err := r.plan(q).Send(context.Background(), r.bus, redrive.Options{By: "alice", Done: func(_ redrive.Item, res redrive.Result) { got[res]++ }}); err != nil {
		r.t.Fatal(err)
	}
	r.drained()
	return got
}

// stored reads all of a stream, by id.
func (r *rig) stored(stream, root string) map[string][]bus.Stored {
	r.t.Helper()
	all := map[string][]bus.Stored{}
	err := r.bus.Scan(context.Background(), stream, bus.ScanOptions{Subject: root + ".*"}, func(s bus.Stored) error {
		id := s.Header.Get(event.HeaderID)
		all[id] = append(all[id], s)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// assertRedriven holds that each genuine event is verified once, as it was received, and nothing else is.
func (r *rig) assertRedriven(ids, forged, replayed []string, attempts int) {
	r.t.Helper()
	verified, rejected := r.stored(bus.StreamVerified, event.Verified), r.stored(bus.StreamRejected, event.Rejected)
	if len(verified) != len(ids)+1 {
		r.t.Errorf("%d events are verified, want %d and the first", len(verified), len(ids))
	}
	for i, id := range ids {
		v, was := verified[id], rejected[id]
		if len(v) != 1 || len(was) != 1 {
			r.t.Fatalf("%s is verified %d times and rejected %d times, want once each", id, len(v), len(was))
		}
		h := v[0].Header
		if h.Get(event.HeaderAttempt) != "1" || h.Get(event.HeaderReceivedAt) != was[0].Header.Get(event.HeaderReceivedAt) || h.Get(event.HeaderRedrivenBy) != "alice" {
			r.t.Fatalf("verified as attempt %q of %q by %q, want 1, %q, alice", h.Get(event.HeaderAttempt), h.Get(event.HeaderReceivedAt),
				h.Get(event.HeaderRedrivenBy), was[0].Header.Get(event.HeaderReceivedAt))
		}
		if h.Get(event.HeaderReason) != "" || !bytes.Equal(v[0].Data, fmt.Appendf(nil, "genuine %d", i)) {
			r.t.Fatalf("verified with reason %q and body %q", h.Get(event.HeaderReason), v[0].Data)
		}
	}
	for _, id := range forged {
		if got := rejected[id]; len(got) != attempts+1 || len(verified[id]) != 0 {
			r.t.Fatalf("a forgery is rejected %d times and verified %d times, want %d and 0", len(got), len(verified[id]), attempts+1)
		}
		for n, m := range rejected[id] {
			want := strings.TrimPrefix(fmt.Sprint(n), "0")
			if got := m.Header.Get(event.HeaderAttempt); got != want || m.Header.Get(event.HeaderReason) != string(event.SignatureMismatch) {
				r.t.Errorf("outcome %d of a forgery: attempt %q, %s", n, got, m.Header.Get(event.HeaderReason))
			}
		}
	}
	for _, id := range replayed {
		if len(rejected[id]) != 1 || len(verified[id]) != 0 {
			r.t.Errorf("a replay has %d outcomes on rejected and %d on verified, want 1 and 0", len(rejected[id]), len(verified[id]))
		}
	}
}

// TestRedrive mends a planted wrong secret and redrives, twice.
func TestRedrive(t *testing.T) {
	r := newRig(t, bus.Topology{}, 2)
	ids, forged, replayed := r.rejects(200, 40, 10)
	if got := r.redrive(mismatches); got[redrive.Sent] != 240 || len(got) != 1 {
		t.Errorf("redrive = %v, want 240 sent", got)
	}
	r.assertRedriven(ids, forged, replayed, 1)
	again := r.plan(mismatches)
	if again.Skipped.Verified != 200 || len(again.Items) != 40 {
		t.Errorf("the second plan has %d items and skips %+v, want 40 and 200 verified", len(again.Items), again.Skipped)
	}
	if got := r.redrive(mismatches); got[redrive.Sent] != 40 {
		t.Errorf("the second redrive = %v, want the 40 forgeries sent", got)
	}
	r.assertRedriven(ids, forged, replayed, 2)
}

// TestRedriveInterrupted ends a redrive in its midst and repeats it.
func TestRedriveInterrupted(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	ids, forged, replayed := r.rejects(60, 10, 2)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	p := r.plan(mismatches)
	err := p.Send(ctx, r.bus, redrive.Options{By: "alice", Done: func(redrive.Item, redrive.Result) {
		if n++; n == 25 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || len(p.Items) != 45 {
		t.Fatalf("Send = %v with %d left, want it cancelled with 45", err, len(p.Items))
	}
	r.drained()
	before := len(r.stored(bus.StreamVerified, event.Verified))
	// Forgeries among the first 25 were judged as attempt 1, and come again as attempt 2.
	r.redrive(mismatches)
	if after := len(r.stored(bus.StreamVerified, event.Verified)); before >= after || after != len(ids)+1 {
		t.Errorf("%d verified before the repetition and %d after, want %d", before, after, len(ids)+1)
	}
	for _, id := range append(forged, replayed...) {
		if len(r.stored(bus.StreamVerified, event.Verified)[id]) != 0 {
			t.Errorf("%s is verified", id)
		}
	}
}

// TestRedriveCutOff cuts the redrive's link in its midst, and mends it.
func TestRedriveCutOff(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	ids, forged, replayed := r.rejects(40, 5, 1)
	w := newWire(t, r.server.URL())
	b, err := bus.Connect(bus.Config{URL: "nats://" + w.Addr().String()}, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	n := 0
	err = r.plan(mismatches).Send(t.Context(), b, redrive.Options{By: "alice", Done: func(redrive.Item, redrive.Result) {
		if n++; n == 20 {
			w.cut()
			time.AfterFunc(time.Second, w.mend)
		}
	}})
	if err != nil || n != 45 {
		t.Fatalf("Send = %v after %d items, want all 45", err, n)
	}
	r.drained()
	r.assertRedriven(ids, forged, replayed, 1)
}

// TestRedriveCopies redrives copies that were all rejected for the signature: one of them is the event.
func TestRedriveCopies(t *testing.T) {
	r := newRig(t, bus.Topology{}, 2)
	s := scheme(t, signature.NameGenesysWebhook)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: s, Secrets: wrongSecret})
	body := []byte("sent five times")
	for range 5 {
		r.accept("genesys", signed(body), body)
	}
	r.drained()
	r.mend()
	r.redrive(mismatches)
	if n := len(r.stored(bus.StreamVerified, event.Verified)); n != 1 {
		t.Errorf("%d copies are verified, want 1", n)
	}
	if p := r.plan(mismatches); len(p.Items) != 0 || p.Skipped.Superseded != 4 || p.Skipped.Verified != 1 {
		t.Errorf("afterwards %d items, skipped %+v, want none, 4 superseded, 1 verified", len(p.Items), p.Skipped)
	}
}

// TestRedriveWaiting plans while the first redrive waits, and sends what the stream knows already.
func TestRedriveWaiting(t *testing.T) {
	r := newRig(t, bus.Topology{}, 0)
	reject := func() string {
		m := captured(t, "genesys", []byte("waits"), time.Now())
		req, err := event.Decode(m)
		if err != nil {
			t.Fatal(err)
		}
		return r.publish(event.RejectedMsg(req, event.Judgement{Verdict: event.Verdict{Reason: event.SignatureMismatch}}))
	}
	id := reject()
	r.outcome(id)
	first, second := r.plan(mismatches), r.plan(mismatches)
	if err := first.Send(t.Context(), r.bus, redrive.Options{}); err != nil {
		t.Fatal(err)
	}
	if p := r.plan(mismatches); len(p.Items) != 0 || p.Skipped.Waiting != 1 {
		t.Errorf("while it waits: %d items, skipped %+v, want one waiting", len(p.Items), p.Skipped)
	}
	var got redrive.Result
	if err := second.Send(t.Context(), r.bus, redrive.Options{Done: func(_ redrive.Item, res redrive.Result) { got = res }}); err != nil || got != redrive.Duplicate {
		t.Errorf("the same attempt once more = %q, %v, want a duplicate", got, err)
	}
	s, err := r.bus.Last(t.Context(), bus.StreamUnverified, "unverified.genesys")
	if err != nil || s.Header.Get("Nats-Msg-Id") != id+".1" {
		t.Errorf("UNVERIFIED has %q, %v, want %s.1", s.Header.Get("Nats-Msg-Id"), err, id)
	}
}

// TestRedriveParked resolves a secret that could not be.
func TestRedriveParked(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	s := scheme(t, signature.NameGenesysWebhook)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: s, Secrets: []policy.Secret{{Ref: "file:absent"}}})
	body := []byte("parked")
	id := r.accept("genesys", signed(body), body)
	r.expectReason(id, event.Unresolvable)
	unreadable := captured(t, "genesys", []byte("unreadable"), time.Now())
	unreadable.Header.Set(event.HeaderVersion, "")
	r.publish(unreadable)
	r.drained()
	r.mend()
	parked := redrive.Query{Webhook: "genesys", Parked: true}
	if p := r.plan(parked); len(p.Items) != 1 || p.Skipped.Unreadable != 1 {
		t.Fatalf("%d items, skipped %+v, want one and one unreadable", len(p.Items), p.Skipped)
	}
	r.redrive(parked)
	if v := r.stored(bus.StreamVerified, event.Verified)[id]; len(v) != 1 || string(v[0].Data) != "parked" {
		t.Errorf("the parked event is verified %d times, want once", len(v))
	}
}

// TestRedriveOld plans what is older than the claims live.
func TestRedriveOld(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook), Secrets: wrongSecret})
	for _, age := range []time.Duration{23 * time.Hour, 25 * time.Hour} {
		r.publish(captured(t, "genesys", []byte(age.String()), time.Now().Add(-age)))
	}
	r.drained()
	q := mismatches
	q.Since = time.Now().Add(-48 * time.Hour)
	if p := r.plan(q); len(p.Items) != 1 || p.Skipped.TooOld != 1 || p.Memory != bus.DefaultReplayMemory {
		t.Errorf("%d items, skipped %+v, memory %s, want one, one too old, 24h", len(p.Items), p.Skipped, p.Memory)
	}
	q.BeyondReplayMemory = true
	if p := r.plan(q); len(p.Items) != 2 {
		t.Errorf("beyond the replay memory: %d items, want 2", len(p.Items))
	}
	q.Since = time.Now().Add(-24 * time.Hour)
	if p := r.plan(q); len(p.Items) != 1 {
		t.Errorf("since 24 h: %d items, want 1", len(p.Items))
	}
}

// TestRedriveByteForByte compares what is captured with what is redriven.
func TestRedriveByteForByte(t *testing.T) {
	r := newRig(t, bus.Topology{}, 0)
	h := signed([]byte("x"))
	h["X-Two"], h["X-Odd"] = []string{"b", "a", ""}, []string{"caf\xe9; \"q\"=1"}
	r.put(bus.BucketRoutes, "genesys", func() ([]byte, error) { return []byte(`{"webhook":"genesys"}`), nil })
	r.eventually("route", func() bool { status, _ := r.post("genesys", http.Header{}, nil); return status == http.StatusOK })
	id := r.accept("genesys", h, []byte("\x00\xff{\n"))
	was, err := r.bus.Last(t.Context(), bus.StreamUnverified, "unverified.genesys")
	if err != nil {
		t.Fatal(err)
	}
	m := captured(t, "genesys", was.Data, time.Now())
	m.Header = was.Header
	req, err := event.Decode(m)
	if err != nil {
		t.Fatal(err)
	}
	r.publish(event.RejectedMsg(req, event.Judgement{Verifier: "v", PolicyRevision: 3, Verdict: event.Verdict{Reason: event.IPNotWhitelisted}}))
	r.outcome(id)
	p := r.plan(redrive.Query{Webhook: "genesys", Reason: event.IPNotWhitelisted})
	// The capture itself still waits, so the plan leaves it out: that is what it should do.
	if p.Skipped.Waiting != 1 {
		t.Fatalf("skipped %+v, want one waiting", p.Skipped)
	}
	last, err := r.bus.Last(t.Context(), bus.StreamRejected, "rejected.genesys")
	if err != nil {
		t.Fatal(err)
	}
	m.Subject, m.Header, m.Data = last.Subject, last.Header, last.Data
	got, err := event.Redriven(m, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	r.publish(got)
	now, err := r.bus.Last(t.Context(), bus.StreamUnverified, "unverified.genesys")
	if err != nil {
		t.Fatal(err)
	}
	was.Header.Set(event.HeaderAttempt, "1")
	was.Header.Set("Nats-Msg-Id", id+".1")
	if fmt.Sprint(now.Header) != fmt.Sprint(was.Header) || !bytes.Equal(now.Data, was.Data) {
		t.Errorf("redriven:\n%q\nwant:\n%q", now.Header, was.Header)
	}
}

// TestRedriveLeftOut holds that what was asked for and not sent is an error, and what is taken care of is none.
func TestRedriveLeftOut(t *testing.T) {
	for _, c := range []struct {
		name    string
		skipped redrive.Skipped
		results map[redrive.Result]int
		want    string // empty: no error
	}{
		{"all sent", redrive.Skipped{}, map[redrive.Result]int{redrive.Sent: 3}, ""},
		{"taken care of", redrive.Skipped{Verified: 1, Waiting: 1, Superseded: 1}, nil, ""},
		{"too old", redrive.Skipped{TooOld: 2}, nil, "2 older than the replay memory (24h0m0s): --beyond-replay-memory"},
		{"duplicate", redrive.Skipped{}, map[redrive.Result]int{redrive.Sent: 1, redrive.Duplicate: 1}, "1 duplicates"},
		{"gone", redrive.Skipped{}, map[redrive.Result]int{redrive.Gone: 1}, "1 gone"},
	} {
		err := (&redriveCmd{}).leftOut(&redrive.Plan{Skipped: c.skipped, Memory: 24 * time.Hour}, c.results)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
