package nemesis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
	"github.com/hookproof/hookproof/deploy/tools/chaos/target"
)

// messages are faults that come as messages on the bus, past the ingress.
func messages() []Scenario {
	return []Scenario{
		{Name: "unknown-version", Strikes: "messages of a format of the future among the others, as in the middle of an upgrade",
			Promise: "they are parked whole, and nothing else is touched", Run: history.Run{MinVerified: 100, MinFaults: 100},
			Strike: func(ctx context.Context, r *Rig) error {
				return r.inject(ctx, 100, func(int) (string, nats.Header) {
					return "UNKNOWN_VERSION", nats.Header{"Hookproof-Version": {"99"}, "Hookproof-Id": {r.uuid()}, "Hookproof-Shape": {"of things to come"}}
				})
			}},
		{Name: "redrive-killed", Strikes: "a sender that rotates before its policy does; what was rejected for it is redriven, twice over, while verifiers are killed",
			Promise: "each event is verified once, whatever came of its first passage", Run: history.Run{MinVerified: 150, MinFaults: 5},
			Strike: redrive},
		{Name: "poison", Strikes: "a thousand messages that no ingress writes", Short: true,
			Promise: "each is parked once, and the genuine ones beside them are verified", Run: history.Run{MinVerified: 100, MinFaults: 1000},
			Strike: func(ctx context.Context, r *Rig) error { return r.inject(ctx, 1000, r.poison) }},
	}
}

// poison returns headers that cannot be read, each wrong in another way.
func (r *Rig) poison(i int) (want string, h nats.Header) {
	h = nats.Header{"Hookproof-Version": {"1"}, "Hookproof-Id": {r.uuid()}, "Hookproof-Received-At": {time.Now().UTC().Format(time.RFC3339Nano)}}
	switch i % 6 {
	case 0:
		h.Del("Hookproof-Version")
	case 1:
		h.Set("Hookproof-Id", "../../etc/passwd")
	case 2:
		h.Set("Hookproof-Received-At", "yesterday")
	case 3:
		h.Set("Hookproof-Client-Ip", "999.1.1.1")
	case 4:
		h.Set("Hookproof-Attempt", "-1")
	case 5:
		h.Del("Hookproof-Id")
		h.Set("Hookproof-Key", strings.Repeat("x", 5000))
	}
	return "UNREADABLE", h
}

// inject puts messages on the bus as an administrator can, each of which has to be parked.
func (r *Rig) inject(ctx context.Context, n int, headers func(i int) (want string, h nats.Header)) error {
	for i := range n {
		w := r.Webhooks[r.Rng.IntN(len(r.Webhooks))]
		want, h := headers(i)
		body := []byte{}
		for range r.Rng.IntN(200) {
			body = append(body, byte(r.Rng.Uint32()))
		}
		a := history.Attempt{N: r.rec.Next(), Kind: history.KindInjected, Webhook: w.Name, Body: body, At: time.Now(), Want: want,
			Header: map[string][]string{history.AttemptHeader: {fmt.Sprint(0)}}}
		a.Header.Set(history.AttemptHeader, fmt.Sprint(a.N))
		h.Set(history.MessageAttempt, fmt.Sprint(a.N))
		h.Set("Nats-Msg-Id", fmt.Sprintf("injected-%d", a.N))
		r.rec.Attempt(a)
		err := r.Admin.Publish(ctx, &nats.Msg{Subject: "unverified." + w.Name, Header: h, Data: body})
		if err != nil {
			return err
		}
		r.rec.Answer(history.Answer{N: a.N, Status: 200, ID: h.Get("Hookproof-Id"), At: time.Now()})
		r.Struck("injected", want)
		if i%20 == 0 {
			r.pause(ctx, 10*time.Millisecond, 60*time.Millisecond)
		}
	}
	return nil
}

// uuid makes an id in the form that an ingress gives.
func (r *Rig) uuid() string {
	a, b := r.Rng.Uint64(), r.Rng.Uint64()
	return fmt.Sprintf("%08x-%04x-7%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}

// redrive lets a sender sign with a secret that the verifiers do not know yet, mends that, and sends again what it cost.
func redrive(ctx context.Context, r *Rig) error {
	w := r.Webhooks[r.Rng.IntN(len(r.Webhooks))]
	w.SetSecret(r.NextSecret(w))
	r.Struck("rotated too early", w.Name)
	sleep(ctx, 2*time.Second)
	if err := r.Configure(ctx, w, target.Change{}); err != nil {
		return err
	}
	sleep(ctx, 500*time.Millisecond)
	sent := make(chan error, 2)
	for range cap(sent) {
		go func() { sent <- r.Redrive(ctx, w, "SIGNATURE_MISMATCH") }()
	}
	if err := r.killAtRandom(ctx, r.Verifiers, 6); err != nil {
		return err
	}
	return errors.Join(<-sent, <-sent)
}
