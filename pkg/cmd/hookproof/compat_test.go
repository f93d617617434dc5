package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/route"
	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/webhook"
)

// TestFormerFormatsAreReadWhole reads what version 1 wrote and writes it again: a field that this version does not know, or
// takes for something else, would be missing then. The script compat_v1 runs the roles on the same store.
func TestFormerFormatsAreReadWhole(t *testing.T) {
	var former formerStore
	b, err := os.ReadFile(filepath.Join(compatDir, "v1", "store.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &former.Messages); err != nil {
		t.Fatal(err)
	}
	again := map[string]func(bus.Entry) ([]byte, error){
		"KV_" + bus.BucketPolicies: func(e bus.Entry) ([]byte, error) { return policy.Decode(e, secret.Resolver{}).Encode() },
		"KV_" + bus.BucketRoutes: func(e bus.Entry) ([]byte, error) {
			r, err := route.Decode(e)
			if err != nil {
				return nil, err
			}
			return r.Encode()
		},
		"KV_" + bus.BucketWebhooks: func(e bus.Entry) ([]byte, error) {
			r, err := webhook.DecodeRecord(e)
			if err != nil {
				return nil, err
			}
			return r.Encode()
		},
		bus.StreamConfig: func(e bus.Entry) ([]byte, error) {
			w, err := webhook.ParseJSON(e.Value)
			if err := webhook.Merge(err, w.Check(webhook.Options{AllowPrivateTargets: true})); err != nil {
				return nil, err
			}
			return webhook.Encode(w)
		},
	}
	for stream, encode := range again {
		if len(former.Messages[stream]) < 5 {
			t.Errorf("%s holds %d messages, want 5 or more", stream, len(former.Messages[stream]))
		}
		for _, m := range former.Messages[stream] {
			got, err := encode(bus.Entry{Key: m.Subject[strings.LastIndexByte(m.Subject, '.')+1:], Value: []byte(m.Data), Revision: 1})
			if err != nil || !reflect.DeepEqual(decoded(t, got), decoded(t, []byte(m.Data))) {
				t.Errorf("%s reads\n%s\nas\n%s, %v", m.Subject, m.Data, got, err)
			}
		}
	}
	for _, m := range former.Messages[bus.StreamUnverified] {
		r, err := event.Decode(&nats.Msg{Subject: m.Subject, Header: m.Header, Data: []byte(m.Data)})
		if err != nil {
			t.Errorf("%s: %v", m.Subject, err)
			continue
		}
		written := event.Encode(r)
		delete(m.Header, "traceparent") // the ingress adds it
		if written.Subject != m.Subject || string(written.Data) != m.Data || !reflect.DeepEqual(written.Header, m.Header) {
			t.Errorf("%s reads\n%v\nas\n%v", m.Subject, m.Header, written.Header)
		}
	}
}

// decoded reads JSON. The revision that DecodeRecord fills in is left out.
func decoded(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	delete(v, "secretRevision")
	return v
}
