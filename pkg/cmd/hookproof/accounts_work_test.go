package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus"
)

// TestAccountsLetRolesWork runs the roles as they are run in production, each as its own user: an operator configures a
// webhook, an ingress captures, a verifier verifies and rejects, a reader consumes. Nothing that they need is refused.
func TestAccountsLetRolesWork(t *testing.T) { accountsLetRolesWork(t, bufferFlags{}) }

// TestAccountsLetAnEdgeWork does the same with a buffer beside the ingress: it needs no right beyond.
func TestAccountsLetAnEdgeWork(t *testing.T) {
	accountsLetRolesWork(t, bufferFlags{BufferDir: t.TempDir(), BufferMaxBytes: leastBuffer, BufferDrain: time.Second})
}

func accountsLetRolesWork(t *testing.T, buffer bufferFlags) {
	a := startAccounts(t, nil)
	ready := a.startRoles(buffer)
	file := filepath.Join(t.TempDir(), "orders.yaml")
	text := "webhook: orders\nkind: none\nscheme: genesys-webhook\nsecret: env:WEBHOOK_SECRET\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	apply := &applyCmd{natsFlags: a.flags("operator", "HOOKS.API"), File: []string{file}, Wait: 30 * time.Second}
	if err := apply.Run(t.Context(), a.process()); err != nil {
		t.Fatalf("apply as the operator = %v", err)
	}
	status := &statusCmd{natsFlags: a.flags("operator", "HOOKS.API"), Webhook: "orders"}
	if err := status.Run(t.Context(), a.process()); err != nil {
		t.Errorf("status as the operator = %v", err)
	}
	a.awaitReady(ready)

	body := []byte(`{"from":"the sender"}`)
	a.post(ready.ingress, "orders", signed(body), body)
	forged := signed(body)
	forged.Set("X-Genesys-Signature", signed([]byte("another")).Get("X-Genesys-Signature"))
	a.post(ready.ingress, "orders", forged, body)

	if got := a.read(); !bytes.Equal(got, body) {
		t.Errorf("the reader got %q, want %q", got, body)
	}
	a.eventually("the outcomes stored and the backlog gone", func() bool {
		return a.stored(bus.StreamVerified) == 1 && a.stored(bus.StreamRejected) == 1 && a.stored(bus.StreamUnverified) == 0
	})
	if m := a.audit(ready.admin[1]); m.VerifiedCount != 1 || m.BlockedCount != 1 || m.Since.Webhooks["orders"] == nil {
		t.Errorf("the audit's metrics = %+v, want an event verified and one blocked, of the webhook orders", m)
	}
	a.console(ready.admin[1], "SIGNATURE_MISMATCH", "Enforced", "Not visible to this role: what is desired and observed")
	a.console(ready.admin[2], "message 1 answered", "Not visible to this role: outcomes")
	if n := a.refused.Load(); n != 0 {
		t.Errorf("the server refused %d subjects to roles that need them; the log names them", n)
	}
}

// roleAddresses are where the roles listen.
type roleAddresses struct {
	ingress string
	admin   []string
}

// startRoles starts an ingress, a verifier and a provisioner, which end with the test.
func (a *accounts) startRoles(buffer bufferFlags) roleAddresses {
	a.t.Helper()
	at := roleAddresses{ingress: freeAddress(a.t)}
	adminAt := func() adminFlags {
		at.admin = append(at.admin, freeAddress(a.t))
		return adminFlags{AdminListen: at.admin[len(at.admin)-1]}
	}
	in := &ingressCmd{natsFlags: a.flags("ingress", "HOOKS.API"), adminFlags: adminAt(),
		httpFlags: httpFlags{Listen: at.ingress, StrangerRate: 1e6, StrangerBurst: 1e6}, bufferFlags: buffer}
	ver := &verifierCmd{natsFlags: a.flags("verifier", ""), adminFlags: adminAt(), Audit: "off"}
	prov := &provisionerCmd{natsFlags: a.flags("provisioner", "HOOKS.API"), adminFlags: adminAt(),
		genesysFlags: genesysFlags{Recheck: time.Minute, AddressGrace: time.Hour, RemovalGrace: time.Second, ProvisionerLease: 45 * time.Second}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	a.t.Cleanup(func() { cancel(); running.Wait() })
	for _, role := range []func(context.Context, *process) error{in.Run, ver.Run, prov.Run} {
		running.Go(func() {
			if err := role(ctx, a.process()); err != nil {
				a.t.Errorf("role: %v", err)
			}
		})
	}
	return at
}

// awaitReady waits until every role says that it is ready, which takes every check of it.
func (a *accounts) awaitReady(at roleAddresses) {
	a.t.Helper()
	for _, admin := range at.admin {
		a.eventually("ready on "+admin, func() bool {
			res, err := http.Get("http://" + admin + "/readyz")
			if err != nil {
				return false
			}
			defer res.Body.Close()
			return res.StatusCode == http.StatusOK
		})
	}
}

// post waits until the ingress has the route, and sends a request once: what is not answered with 200 may be stored all the
// same.
func (a *accounts) post(ingress, webhook string, h http.Header, body []byte) {
	a.t.Helper()
	url := "http://" + ingress + "/webhooks/" + webhook
	a.eventually("the route of "+webhook, func() bool { return routed(url) })
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header = h
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		a.t.Fatalf("POST %s = %d, want 200", url, res.StatusCode)
	}
}

// audit asks a verifier for its audit endpoints and returns the metrics.
func (a *accounts) audit(admin string) (m audit.Metrics) {
	a.t.Helper()
	for path, answer := range map[string]any{"log": &struct{}{}, "metrics": &m} {
		res, err := http.Get("http://" + admin + "/webhooks/audit/" + path)
		if err != nil {
			a.t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(answer); err != nil || res.StatusCode != http.StatusOK {
			a.t.Fatalf("the audit's %s = %d, %v, want 200", path, res.StatusCode, err)
		}
	}
	return m
}

// console looks at a role's console until it shows everything that is wanted, and nothing that could not be read.
func (a *accounts) console(admin string, wanted ...string) {
	a.t.Helper()
	var page []byte
	a.eventually("the console of "+admin, func() bool {
		res, err := http.Get("http://" + admin + "/console")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		page, err = io.ReadAll(res.Body)
		return err == nil && res.StatusCode == http.StatusOK &&
			!slices.ContainsFunc(wanted, func(text string) bool { return !bytes.Contains(page, []byte(text)) })
	})
	if bytes.Contains(page, []byte("cannot be read now")) || bytes.Contains(page, []byte("does not answer")) {
		a.t.Errorf("the console of %s could not read something:\n%s", admin, page)
	}
}

// read returns the next body that the reader's durable holds, which it acknowledges.
func (a *accounts) read() []byte {
	a.t.Helper()
	b, err := bus.Connect(a.flags("reader", "HOOKS.API").config("reader"), a.process().log)
	if err != nil {
		a.t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(a.t.Context(), 30*time.Second)
	defer cancel()
	var got []byte
	err = b.Consume(ctx, bus.StreamVerified, "reader", 1, time.Second, func(_ context.Context, d *bus.Delivery) error {
		got = d.Msg.Data
		cancel()
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.eventually("the reader's acknowledgement counted", func() bool {
		c, err := a.js.Consumer(a.t.Context(), bus.StreamVerified, "reader")
		return err == nil && c.CachedInfo().AckFloor.Stream == 1
	})
	return got
}

// stored returns how many messages a stream holds.
func (a *accounts) stored(stream string) uint64 {
	s, err := a.admin.State(a.t.Context(), stream, "")
	if err != nil {
		a.t.Fatal(err)
	}
	return s.Messages
}

// eventually polls for what has no event to wait for.
func (a *accounts) eventually(what string, ok func() bool) {
	a.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			a.t.Fatalf("%s: not after 30 s", what)
		}
	}
}
