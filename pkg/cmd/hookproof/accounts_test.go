package main

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hookproof/hookproof/pkg/bus"
)

// TestAccountsRefuse tries everything that a role must not do against the configuration for production.
func TestAccountsRefuse(t *testing.T) {
	a := newTarget(t, nil)
	for _, x := range attacks() {
		t.Run(x.name, func(t *testing.T) {
			if refused := a.suffer(t, x); refused != x.refused {
				t.Errorf("the server refused it for a missing permission: %v, want %v", refused, x.refused)
			}
		})
	}
	a.late(t)
}

// TestAccountsAloneRefuse tries the same with every permission of the users outside HOOKS taken away, so that only the
// borders of the accounts hold: what they export must not be more than what the permissions allow.
func TestAccountsAloneRefuse(t *testing.T) {
	a := newTarget(t, func(o *server.Options) {
		for _, u := range o.Nkeys {
			if u.Account.Name != "HOOKS" {
				u.Permissions = nil
			}
		}
	})
	for _, x := range attacks() {
		if x.user != "verifier" {
			t.Run(x.name, func(t *testing.T) { a.suffer(t, x) })
		}
	}
	a.late(t)
}

// TestPermissionsAloneForge shows why there are accounts, and that the attacks are real: with all users in the account of
// the streams, and publishing on verified.* denied to all but the admin, each attack by a reply subject, and by the deliver subject
// of a push consumer, forges an event.
func TestPermissionsAloneForge(t *testing.T) {
	a := newTarget(t, func(o *server.Options) {
		shareHooks(o, &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"verified.>"}}})
	})
	a.api, a.shared = "$JS.API.", true
	for _, x := range attacks() {
		if !x.forges {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			nc, before := a.connect(x.user), a.view()
			defer nc.Close()
			x.try(a, t, nc)
			a.eventually("VERIFIED holds a forged message", func() bool {
				return a.view().streams[bus.StreamVerified].last > before.streams[bus.StreamVerified].last
			})
		})
	}
}

// shareHooks puts every user into the account of the streams, with these permissions for all but the admin.
func shareHooks(o *server.Options, permissions *server.Permissions) {
	var hooks *server.Account
	for _, account := range o.Accounts {
		if account.Name == "HOOKS" {
			hooks = account
		}
	}
	for _, u := range o.Nkeys {
		if u.Permissions != nil { // all but the admin
			u.Account, u.Permissions = hooks, permissions
		}
	}
}
