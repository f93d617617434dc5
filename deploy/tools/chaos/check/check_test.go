package check_test

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/check"
	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

func TestGoodHistory(t *testing.T) {
	r := check.Check(good().h)
	if !r.Good() {
		t.Fatalf("a history in which every promise was kept: %v", r.Found)
	}
	want := check.Counts{Attempts: 17, Accepted: 13, Unanswered: 2, Verified: 5, Rejected: 8, Replays: 3, Parked: 1, Faults: 1}
	if r.Counts != want {
		t.Errorf("counts = %+v, want %+v", r.Counts, want)
	}
}

// mutations change one thing in a good history. Exactly the set named has to show it.
var mutations = []struct {
	name, set string
	do        func(b *builder)
}{
	{"an accepted request has no outcome", check.Lost, func(b *builder) { b.drop(lonely) }},
	{"an accepted forgery has no outcome", check.Lost, func(b *builder) { b.drop(forged) }},
	{"an injected message has no outcome", check.Lost, func(b *builder) { b.drop(poison) }},

	{"a byte of the body", check.Mutated, func(b *builder) { b.message(lonely).Body = []byte(`{"n":2} `) }},
	{"a header is missing", check.Mutated, func(b *builder) { delete(b.message(order).Header, "Http-X-Several") }},
	{"a second value of a header is missing", check.Mutated, func(b *builder) { b.message(order).Header["Http-X-Several"] = []string{"one"} }},
	{"a header is new", check.Mutated, func(b *builder) { b.message(forged).Header["Http-Cookie"] = []string{"stays behind"} }},
	{"the client address", check.Mutated, func(b *builder) { b.message(lonely).Header["Hookproof-Client-Ip"] = []string{"203.0.113.2"} }},
	{"the time of receipt", check.Mutated, func(b *builder) {
		b.message(lonely).Header["Hookproof-Received-At"] = []string{start.Add(-time.Minute).Format(time.RFC3339Nano)}
	}},
	{"the subject", check.Mutated, func(b *builder) { b.message(lonely).Subject = "verified.chats" }},
	{"the id that the sender was told", check.Mutated, func(b *builder) { b.answer(lonely).ID = "another" }},

	{"a request still waits", check.Undecided, func(b *builder) { become(b.message(lonely), "UNVERIFIED", "") }},

	{"an event twice under one id", check.VerifiedTwice, func(b *builder) { b.again(lonely) }},
	{"an event twice under two ids", check.VerifiedTwice, func(b *builder) { become(b.message(eventCopy), "VERIFIED", "") }},
	{"an event twice, signed anew", check.VerifiedTwice, func(b *builder) { become(b.message(orderAgain), "VERIFIED", "") }},

	{"two outcomes of one request", check.DecidedTwice, func(b *builder) { become(b.again(event), "REJECTED", "REPLAY_ATTACK_DETECTED"); b.detail("redelivery") }},
	{"one rejection twice", check.DecidedTwice, func(b *builder) { b.again(forged) }},
	{"redriven after it was verified", check.DecidedTwice, func(b *builder) {
		m := b.again(event)
		become(m, "REJECTED", "REPLAY_ATTACK_DETECTED")
		m.Header["Hookproof-Attempt"], m.Header["Hookproof-Detail"] = []string{"1"}, []string{"redelivery"}
	}},
	{"one parked twice", check.DecidedTwice, func(b *builder) { b.again(poison) }},

	{"a replay of what was never verified", check.FalseReplay, func(b *builder) {
		become(b.message(lonely), "REJECTED", "REPLAY_ATTACK_DETECTED")
		b.message(lonely).Header["Hookproof-Detail"] = []string{"replay"}
	}},

	{"a genuine event rejected", check.Misjudged, func(b *builder) { become(b.message(lonely), "REJECTED", "SIGNATURE_MISMATCH") }},
	{"a genuine event parked", check.Misjudged, func(b *builder) { become(b.message(lonely), "PARKED", "PANIC") }},
	{"a late one verified", check.Misjudged, func(b *builder) { become(b.message(late), "VERIFIED", "") }},
	{"a foreign one verified", check.Misjudged, func(b *builder) { become(b.message(foreign), "VERIFIED", "") }},
	{"a forgery called late", check.Misjudged, func(b *builder) { become(b.message(forged), "REJECTED", "TIMESTAMP_SKEW_EXCEEDED") }},
	{"a forgery called a replay", check.Misjudged, func(b *builder) { become(b.message(forged), "REJECTED", "REPLAY_ATTACK_DETECTED") }},
	{"a replay called a redelivery", check.Misjudged, func(b *builder) { b.message(restamped).Header["Hookproof-Detail"] = []string{"redelivery"} }},
	{"a redelivery called a replay", check.Misjudged, func(b *builder) { b.message(eventCopy).Header["Hookproof-Detail"] = []string{"replay"} }},
	{"a possible duplicate too early", check.Misjudged, func(b *builder) { b.message(lonely).Header["Hookproof-Possible-Duplicate"] = []string{"true"} }},
	{"no possible duplicate when it is due", check.Misjudged, func(b *builder) { b.message(lonely).At = start.Add(time.Hour + time.Minute) }},
	{"a copy parked within the horizon", check.Misjudged, func(b *builder) { become(b.message(eventCopy), "PARKED", "REPLAY_UNDECIDABLE") }},
	{"a copy rejected beyond the horizon", check.Misjudged, func(b *builder) { b.message(eventCopy).At = start.Add(time.Hour + time.Minute) }},
	{"poison rejected", check.Misjudged, func(b *builder) { become(b.message(poison), "REJECTED", "UNKNOWN_VERSION") }},

	{"a forgery verified", check.Forged, func(b *builder) { become(b.message(forged), "VERIFIED", "") }},
	{"an unsigned one verified", check.Forged, func(b *builder) { become(b.message(unsignedOne), "VERIFIED", "") }},

	{"an outcome that nobody sent", check.Phantom, func(b *builder) {
		m := b.again(forged)
		m.Header[history.MessageAttempt], m.Header["Hookproof-Id"] = []string{"4711"}, []string{"id of nobody"}
	}},
	{"an outcome without a number", check.Phantom, func(b *builder) {
		m := b.again(forged)
		delete(m.Header, history.MessageAttempt)
		m.Header["Hookproof-Id"] = []string{"id of nobody"}
	}},
	{"one attempt under two ids", check.Phantom, func(b *builder) { b.again(forged).Header["Hookproof-Id"] = []string{"another id"} }},
	{"a refused request is stored", check.Phantom, func(b *builder) { b.stored(oversized, "REJECTED", "SIGNATURE_MISMATCH", "") }},

	{"an oversized request is accepted", check.Misanswered, func(b *builder) {
		b.answer(oversized).Status, b.answer(oversized).ID = 200, id(oversized)
		b.stored(oversized, "REJECTED", "SIGNATURE_MISMATCH", "")
	}},
	{"a forgery is told apart", check.Misanswered, func(b *builder) { b.answer(forged).Status = 403; b.drop(forged) }},
	{"a known webhook is not known", check.Misanswered, func(b *builder) { b.answer(lonely).Status = 404; b.drop(lonely) }},

	{"a promise of the scenario", check.Broken, func(b *builder) { b.h.Broken = append(b.h.Broken, history.Broken{Promise: "ready"}) }},
	{"a panic", check.Crashed, func(b *builder) { b.h.Crashes = append(b.h.Crashes, history.Crash{Process: "verifier"}) }},

	{"no fault struck", check.Inert, func(b *builder) { b.h.Faults = nil }},
	{"too little was verified", check.Inert, func(b *builder) { b.h.Run.MinVerified = 6 }},
	{"nothing happened", check.Inert, func(b *builder) { b.h.Attempts, b.h.Answers, b.h.Messages = nil, nil, nil }},
}

func (b *builder) detail(text string) {
	b.h.Messages[len(b.h.Messages)-1].Header["Hookproof-Detail"] = []string{text}
}

func TestEachMutationIsFound(t *testing.T) {
	left := map[string]bool{}
	for _, set := range check.Sets() {
		left[set] = true
	}
	for _, m := range mutations {
		b := good()
		m.do(b)
		r := check.Check(b.h)
		var red []string
		for _, set := range check.Sets() {
			if len(r.Found[set]) > 0 {
				red = append(red, set)
			}
		}
		if !slices.Equal(red, []string{m.set}) {
			t.Errorf("%s: red are %v, want %s alone: %v", m.name, red, m.set, r.Found)
		}
		delete(left, m.set)
	}
	if len(left) > 0 {
		t.Errorf("no mutation shows the sets %v", slices.Sorted(maps.Keys(left)))
	}
}

// TestWhatIsAllowed holds histories that the design allows, however odd they look.
func TestWhatIsAllowed(t *testing.T) {
	beyond := start.Add(time.Hour + time.Minute)
	for _, c := range []struct {
		name string
		do   func(b *builder)
	}{
		{"an unanswered request that was never stored", func(b *builder) { b.drop(unanswered) }},
		{"one that was refused with 503 and stored", func(b *builder) { b.stored(refused503, "VERIFIED", "", "") }},
		{"an event twice beyond the horizon, that says so", func(b *builder) {
			m := b.again(lonely)
			m.At, m.Header["Hookproof-Possible-Duplicate"] = beyond, []string{"true"}
		}},
		{"a copy parked beyond the horizon", func(b *builder) {
			become(b.message(eventCopy), "PARKED", "REPLAY_UNDECIDABLE")
			b.message(eventCopy).At = beyond
		}},
		{"rejected, and verified by a newer policy", func(b *builder) {
			m := b.again(lonely)
			become(m, "REJECTED", "SIGNATURE_MISMATCH")
			m.Header["Hookproof-Policy-Revision"] = []string{"6"}
			// the policy of then did not know the secret
			for i, p := range b.h.Policies {
				if p.Webhook == "calls" {
					p.Secrets = []history.Secret{{Text: "a secret of before"}}
					b.h.Policies[i].Asked, b.h.Policies[i].Live = start, start.Add(2*time.Second)
					b.h.Policies = append([]history.Policy{p}, b.h.Policies...)
					break
				}
			}
		}},
		{"rejected, and again when it was redriven", func(b *builder) { b.again(forged).Header["Hookproof-Attempt"] = []string{"1"} }},
		{"a copy verified after the claims were lost", func(b *builder) {
			become(b.message(eventCopy), "VERIFIED", "")
			b.h.Run.Forgets = 1
		}},
		{"a secret that ends about now, either way", func(b *builder) {
			for i, p := range b.h.Policies {
				if p.Webhook == "orders" {
					b.h.Policies[i].Secrets = []history.Secret{{Text: p.Secrets[0].Text, EndsAfter: start, EndsBefore: start.Add(time.Minute)}}
				}
			}
			become(b.message(orderAgain), "REJECTED", "SIGNATURE_MISMATCH")
		}},
	} {
		b := good()
		c.do(b)
		if r := check.Check(b.h); !r.Good() {
			t.Errorf("%s: %v", c.name, r.Found)
		}
	}
}

// TestHistoryIsKept judges a history that went through its file.
func TestHistoryIsKept(t *testing.T) {
	var file bytes.Buffer
	b := good()
	rec := history.NewRecorder(&file)
	rec.Run(b.h.Run)
	for _, v := range b.h.Policies {
		rec.Policy(v)
	}
	for _, v := range b.h.Attempts {
		rec.Attempt(v)
	}
	for _, v := range b.h.Answers {
		rec.Answer(v)
	}
	for _, v := range b.h.Faults {
		rec.Fault(v)
	}
	rec.Broken(history.Broken{Promise: "kept"})
	rec.Crash(history.Crash{Process: "kept"})
	for _, v := range b.h.Messages {
		rec.Message(v)
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := history.Read(strings.NewReader(file.String()))
	if err != nil || !reflect.DeepEqual(h, rec.History()) {
		t.Fatalf("Read = %+v, %v, want what was recorded", h, err)
	}
	if r := check.Check(h); len(r.Found) != 2 || r.Counts != check.Check(b.h).Counts {
		t.Errorf("read again: %+v", r)
	}
}
