package main

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
)

// headerAttacks store where the user may, with headers on which the server acts. A stream that is not declared for them refuses
// them, so that nothing is stored, deleted or sent elsewhere.
func headerAttacks() []attack {
	var list []attack
	for _, x := range []struct{ user, subject, stream string }{
		{"ingress", "unverified.forged", bus.StreamUnverified}, {"operator", "config.forged", bus.StreamConfig},
		{"provisioner", "$KV.policies.forged", "KV_policies"},
	} {
		with := func(what string, headers map[string]string, a attack) {
			a.user, a.name = x.user, x.user+" stores on "+x.subject+" with "+what
			a.try = func(_ *target, t *testing.T, nc *nats.Conn) {
				m := nats.NewMsg(x.subject)
				for name, value := range headers {
					m.Header.Set(name, value)
				}
				if err := nc.PublishMsg(m); err != nil {
					t.Error(err)
				}
			}
			list = append(list, a)
		}
		with("a trace to verified.forged", map[string]string{"Nats-Trace-Dest": "verified.forged"}, attack{stores: x.stream, refused: true})
		with("a schedule for verified.forged", map[string]string{"Nats-Schedule": "@every 1s", "Nats-Schedule-Target": "verified.forged"}, attack{})
		with("a life time", map[string]string{"Nats-TTL": "1s"}, attack{})
		if x.user != "provisioner" { // who may roll up the buckets that it writes
			with("a rollup", map[string]string{"Nats-Rollup": "all"}, attack{})
		}
	}
	return list
}
