package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
	"github.com/hookproof/hookproof/pkg/signature"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// TestRemovalWaitsForSlowRequests removes a webhook while a sender is in the middle of a body. The ingress took the request
// up before it lost the route, so it stores it, and the verifier has to have the policy still.
func TestRemovalWaitsForSlowRequests(t *testing.T) {
	t.Parallel() // it waits more than it works
	o := newOrganisation(t, bus.Topology{}, genesystest.Config{}, 1)
	o.env = append(o.env, "HOOKPROOF_REMOVAL_GRACE=12s") // the default
	o.spawn("", "provisioner")
	o.reaches(o.config(o.present(webhook.KindWebhook, 1)), webhook.PhaseLive)

	s, body := scheme(t, signature.NameGenesysWebhook), []byte(`{"slow":true}`)
	text, _ := testEnv("HOOKPROOF_SECRET_1")
	u, err := url.Parse(o.url)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /webhooks/orders HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n", u.Host, len(body))
	if err := s.Sign(key(t, s, text), "", time.Now(), body).Write(c); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "\r\n")
	answers := bufio.NewReader(c)
	if res, err := http.ReadResponse(answers, nil); err != nil || res.StatusCode != http.StatusContinue { // it begins to read the body
		t.Fatalf("the ingress answers %v, %v, want 100", res, err)
	}
	sequence := o.config(`{"webhook":"orders","state":"absent"}`)
	o.eventually("the ingress without the route", func() bool { return !routed(o.url + "orders") })
	e, err := o.bus.Get(context.Background(), bus.BucketRoutes, "orders")
	if err != nil || !e.Deleted {
		t.Fatalf("the route = %+v, %v, want it deleted", e, err)
	}
	time.Sleep(2 * time.Second) // the sender is slow; less than this the ingresses are given to learn of a route anyway
	if _, err := c.Write(body); err != nil {
		t.Fatal(err)
	}
	if res, err := http.ReadResponse(answers, nil); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the ingress answers %v, %v, want 200", res, err)
	}
	o.eventually("an outcome", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, outcomes := range o.outcomes {
			if m := outcomes[0]; string(m.Data) == string(body) {
				if m.Subject != "verified.orders" {
					t.Errorf("a genuine event: %s %s", m.Subject, m.Header.Get(event.HeaderReason))
				}
				return true
			}
		}
		return false
	})
	o.reaches(sequence, webhook.PhaseRemoved)
}
