package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
)

var acceptedID = regexp.MustCompile(`"id":"([^"]+)"`)

// TestAnswersAreAlike sends each kind of request and compares what the senders read: status, headers and body must be the
// same whatever the verdict, but for the id and the date.
func TestAnswersAreAlike(t *testing.T) {
	r := newRig(t, bus.Topology{}, 1)
	r.configureTraced()
	var first, of string
	for _, c := range tracedCases() {
		body := fmt.Appendf(nil, `{"case":"%s"}`, c.name)
		h := signed(body)
		if c.change != nil {
			c.change(h)
		}
		if c.again {
			r.outcome(r.accept(c.webhook, h, body))
		}
		answer, id := r.answer(c.webhook, h, body)
		if got := r.outcome(id); got.Header.Get(event.HeaderReason) != string(c.reason) {
			t.Errorf("%s: reason %q", c.name, got.Header.Get(event.HeaderReason))
		}
		if first == "" {
			first, of = answer, c.name
		}
		if answer != first {
			t.Errorf("%s is answered\n%s\nand %s\n%s", c.name, answer, of, first)
		}
	}
}

// answer posts a request and returns the whole answer, the id and the date left out of it, and the id.
func (r *rig) answer(webhook string, h http.Header, body []byte) (answer, id string) {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodPost, r.url+webhook, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header = h
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	found := acceptedID.FindSubmatch(b)
	if found == nil {
		r.t.Fatalf("no id in %s", b)
	}
	id = string(found[1])
	res.Header.Del("Date")
	return strings.ReplaceAll(fmt.Sprintf("%s %s %v %d\n%s", res.Proto, res.Status, res.Header, res.ContentLength, b), id, "ID"), id
}
