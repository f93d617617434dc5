package main

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
)

// public is a process with an ingress.
type public struct{ listen, admin string }

// spawnIngress starts an ingress and waits until it knows the webhook.
func (r *rig) spawnIngress(webhook string, env ...string) public {
	r.t.Helper()
	return r.spawnPublic(webhook, env, "ingress")
}

// spawnPublic starts a command that has an ingress and waits until that knows the webhook.
func (r *rig) spawnPublic(webhook string, env []string, args ...string) public {
	r.t.Helper()
	p := public{listen: freeAddress(r.t), admin: freeAddress(r.t)}
	r.env = append(env, "HOOKPROOF_LISTEN="+p.listen, "HOOKPROOF_ADMIN_LISTEN="+p.admin)
	r.spawn("", args...)
	r.env = nil
	r.eventually("the route of "+webhook, func() bool { return routed("http://" + p.listen + "/webhooks/" + webhook) })
	return p
}

// values scrapes the metrics that have no labels.
func (p public) values(t *testing.T) map[string]float64 {
	t.Helper()
	_, text := get(t, "http://"+p.admin+"/metrics")
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); !strings.ContainsAny(name, "#{") {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			values[name] = v
		}
	}
	return values
}

// TestIdleConnections opens 300 connections that send nothing, a part of a header or a part of a body. The server closes
// each within its time-outs, answers honest requests all the while, and has nothing left of them afterwards.
func TestIdleConnections(t *testing.T) {
	t.Parallel() // it waits more than it works
	const (
		connections = 300
		within      = 10*time.Second + 15*time.Second // the longest time-out, and room for a busy machine
		perOne      = 64 << 10                        // bytes of memory that one may cost
	)
	r := newRig(t, bus.Topology{}, 0)
	r.configure(policy.Policy{Webhook: "genesys", Scheme: scheme(t, signature.NameGenesysWebhook)})
	in := r.spawnIngress("genesys", "HOOKPROOF_STRANGER_RATE=1e6", "HOOKPROOF_STRANGER_BURST=1000000")
	http.DefaultClient.CloseIdleConnections()
	before := in.values(t)

	const head = "POST /webhooks/genesys HTTP/1.1\r\nHost: h\r\n"
	var open sync.WaitGroup
	for i := range connections {
		c, err := net.Dial("tcp", in.listen)
		if err != nil {
			t.Fatal(err)
		}
		open.Go(func() {
			defer c.Close()
			if _, err := io.WriteString(c, []string{"", head, head + "Content-Length: 100\r\n\r\n{"}[i%3]); err != nil {
				t.Error(err)
			}
			if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
				t.Error(err)
			}
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Errorf("connection %d: %v, want it closed by the server", i, err)
			}
		})
	}
	closed := make(chan struct{})
	go func() { open.Wait(); close(closed) }()
	var during map[string]float64
	r.eventually("the server holds most of them", func() bool {
		during = in.values(t)
		return during["process_open_fds"] >= before["process_open_fds"]+connections/2
	})
	honest := &http.Client{Timeout: 20 * time.Second, // an ingress may take 8 s to store one
		Transport: &http.Transport{DisableKeepAlives: true}}
	answered := 0
	for ended := false; !ended; answered++ {
		res, err := honest.Post("http://"+in.listen+"/webhooks/genesys", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatalf("an honest request beside them: %v", err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("an honest request beside them = %d, want 200", res.StatusCode)
		}
		select {
		case <-closed:
			ended = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	if grown := during["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]; grown > connections*perOne {
		t.Errorf("they cost %.0f bytes, want %d at most", grown, connections*perOne)
	}
	r.eventually("the server has let go of them", func() bool {
		http.DefaultClient.CloseIdleConnections()
		now := in.values(t)
		return now["go_goroutines"] <= before["go_goroutines"]+10 && now["process_open_fds"] <= before["process_open_fds"]+10
	})
	t.Logf("%d honest requests were answered beside them", answered)
}
