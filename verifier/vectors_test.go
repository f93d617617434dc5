package verifier

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
)

// TestPublishedRequests judges the signed requests of testdata/signatures.json, which pkg/signature's tests read too, at
// the time when they were received.
func TestPublishedRequests(t *testing.T) {
	b, err := os.ReadFile("../testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Scheme, Secret, Body string
		Custom                     *signature.Scheme
		Header                     map[string]string
		ReceivedAt                 time.Time
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 6 {
		t.Fatalf("%d vectors, want at least 6", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			s := v.Custom
			if s == nil {
				found := named(t, v.Scheme)
				s = &found
			}
			h := http.Header{}
			for name, value := range v.Header {
				h.Set(name, value)
			}
			r, ring := requestOf(h, v.Body), &policy.Ring{Keys: []policy.Key{{Key: keyOf(t, *s, v.Secret)}},
				Policy: policy.Policy{Scheme: *s, Tolerance: policy.Duration(policy.DefaultTolerance)}}
			r.ReceivedAt = v.ReceivedAt
			if d := Decide(r, ring); !d.genuine() {
				t.Errorf("Decide = %+v, want a genuine request", d.Verdict)
			}
			r.ReceivedAt = v.ReceivedAt.Add(301 * time.Second)
			timed := s.TimestampHeader != "" || s.TimestampField != ""
			if d := Decide(r, ring); d.genuine() == timed || timed && d.Reason != event.TimestampSkew {
				t.Errorf("Decide five minutes later = %+v, want %s where the scheme has a time (%v)", d.Verdict, event.TimestampSkew, timed)
			}
		})
	}
}
