package verifier

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
)

// keyFor returns the replay key of a request as the verifier makes it.
func keyFor(t *testing.T, s signature.Scheme, webhook, id, timestamp, body string) string {
	t.Helper()
	h := http.Header{}
	for name, value := range map[string]string{s.SignatureHeader: "x", s.TimestampHeader: timestamp, s.IDHeader: id} {
		if name != "" {
			h.Set(name, value)
		}
	}
	r := requestOf(h, body)
	r.Webhook = webhook
	p, _ := s.Read(r.Header)
	return replayKey(r, s, p)
}

// TestReplayKey holds what is part of a key: what the sender authenticated, and nothing that anybody can change.
func TestReplayKey(t *testing.T) {
	genesys, standard := named(t, signature.NameGenesysWebhook), named(t, signature.NameStandardWebhooks)
	type parts struct{ webhook, id, timestamp, body string }
	base := parts{"a", "msg_1", "1614265330", "{}"}
	for _, c := range []struct {
		name   string
		scheme signature.Scheme
		other  parts
		same   bool
	}{
		{"equal", genesys, base, true},
		{"another webhook", genesys, parts{"b", "msg_1", "1614265330", "{}"}, false},
		{"another body", genesys, parts{"a", "msg_1", "1614265330", "{} "}, false},
		{"no body", genesys, parts{"a", "msg_1", "1614265330", ""}, false},
		{"another time, not signed", genesys, parts{"a", "msg_1", "1614265331", "{}"}, true},
		{"another time, signed", hexTimed, parts{"a", "msg_1", "1614265331", "{}"}, false},
		{"another time under a signed id", standard, parts{"a", "msg_1", "1614265331", "{}"}, true},
		{"another signed id", standard, parts{"a", "msg_2", "1614265330", "{}"}, false},
		{"another body under the id", standard, parts{"a", "msg_1", "1614265330", "[]"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := keyFor(t, c.scheme, base.webhook, base.id, base.timestamp, base.body)
			b := keyFor(t, c.scheme, c.other.webhook, c.other.id, c.other.timestamp, c.other.body)
			if (a == b) != c.same {
				t.Errorf("replayKey(%+v) = %q and of %+v %q, want the same: %v", base, a, c.other, b, c.same)
			}
			if raw, err := base64.RawURLEncoding.DecodeString(a); err != nil || len(raw) != 16 {
				t.Errorf("replayKey = %q, want base64url of 16 bytes", a)
			}
		})
	}
}

// TestReplayKeyParts holds that bytes cannot move from one part to the next.
func TestReplayKeyParts(t *testing.T) {
	genesys, standard := named(t, signature.NameGenesysWebhook), named(t, signature.NameStandardWebhooks)
	keys := map[string]string{}
	for name, key := range map[string]string{
		"body":               keyFor(t, genesys, "a", "", "", "x"),
		"webhook takes it":   keyFor(t, genesys, "ax", "", "", ""),
		"signed time":        keyFor(t, hexTimed, "a", "", "1", "2"),
		"time takes body":    keyFor(t, hexTimed, "a", "", "12", ""),
		"body takes time":    keyFor(t, hexTimed, "a", "", "", "12"),
		"id":                 keyFor(t, standard, "a", "1", "9", "2"),
		"id takes body":      keyFor(t, standard, "a", "12", "9", ""),
		"body alone as both": keyFor(t, genesys, "a", "", "", "12"),
	} {
		if other, taken := keys[key]; taken {
			t.Errorf("%q and %q have the key %q", name, other, key)
		}
		keys[key] = name
	}
}

func TestReplayBucket(t *testing.T) {
	for _, c := range []struct {
		scheme signature.Scheme
		want   string
	}{
		{named(t, signature.NameGenesysWebhook), bus.BucketReplayBody},
		{named(t, signature.NameGenesysOpenMessaging), bus.BucketReplaySigned},
		// The key holds the id and not the time, so that a copy with a new, signed time must find its claim.
		{named(t, signature.NameStandardWebhooks), bus.BucketReplayBody},
		{hexTimed, bus.BucketReplaySigned},
		{signature.Scheme{Signs: signature.Body}, bus.BucketReplayBody},
	} {
		if got := (policy.Policy{Scheme: c.scheme}).ReplayBucket(); got != c.want {
			t.Errorf("ReplayBucket of %q, signs %q, = %q, want %q", c.scheme.Name, c.scheme.Signs, got, c.want)
		}
	}
}

func TestReplayDetail(t *testing.T) {
	genesys, standard := named(t, signature.NameGenesysWebhook), named(t, signature.NameStandardWebhooks)
	at := func(d time.Duration, timestamp string) claimant { return claimant{"id", receivedAt.Add(d), timestamp} }
	for _, c := range []struct {
		name        string
		scheme      signature.Scheme
		mine, owner claimant
		want        string
	}{
		{"at once", genesys, at(0, "1"), at(0, "1"), event.DetailRedelivery},
		{"120 s later", genesys, at(120*time.Second, "1"), at(0, "1"), event.DetailRedelivery},
		{"120 s and a moment later", genesys, at(120*time.Second+1, "1"), at(0, "1"), event.DetailReplay},
		{"120 s before: the later copy was judged first", genesys, at(-120*time.Second, "1"), at(0, "1"), event.DetailRedelivery},
		{"120 s and a moment before", genesys, at(-120*time.Second-1, "1"), at(0, "1"), event.DetailReplay},
		{"another timestamp that is not signed", genesys, at(time.Second, "2"), at(0, "1"), event.DetailReplay},
		{"no timestamps", genesys, at(time.Second, ""), at(0, ""), event.DetailRedelivery},
		{"signed anew under the same id", standard, at(time.Hour, "2"), at(0, "1"), event.DetailRedelivery},
		{"the same signed time much later", standard, at(time.Hour, "1"), at(0, "1"), event.DetailReplay},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := replayDetail(c.mine, c.owner, c.scheme); got != c.want {
				t.Errorf("replayDetail(%+v, %+v) = %q, want %q", c.mine, c.owner, got, c.want)
			}
		})
	}
}

func TestClaimantRoundTrip(t *testing.T) {
	for _, want := range []claimant{
		{"018f3a2e-7c11-7d3a-9b52-0a1b2c3d4e5f", receivedAt.Add(123456789), "1795489200000"},
		{"id", receivedAt, ""},
		{"id", receivedAt.In(time.FixedZone("x", 3600)), "with blanks in it"},
	} {
		got, err := parseClaimant(want.encode())
		if err != nil || got.id != want.id || got.timestamp != want.timestamp || !got.receivedAt.Equal(want.receivedAt) {
			t.Errorf("parseClaimant(%q) = %+v, %v, want %+v", want.encode(), got, err, want)
		}
	}
}

func TestParseClaimantRefuses(t *testing.T) {
	for _, text := range []string{"", " ", "id", "id ", "id 2026-11-24T04:00:00Z", " 2026-11-24T04:00:00Z 1", "id yesterday 1", "id 1795489200 1"} {
		if got, err := parseClaimant([]byte(text)); err == nil {
			t.Errorf("parseClaimant(%q) = %+v, want an error", text, got)
		}
	}
}

func TestEventType(t *testing.T) {
	for _, c := range []struct{ name, field, body, want string }{
		{"no field in the policy", "", bodyText, ""},
		{"named", "/eventType", bodyText, "v2.thing"},
		{"deeper", "/channel/time", bodyText, "2026-11-24T04:00:00.000Z"},
		{"absent", "/type", bodyText, ""},
		{"no JSON", "/eventType", "eventType", ""},
		{"a number", "/eventType", `{"eventType":1}`, ""},
		{"empty", "/eventType", `{"eventType":""}`, ""},
		{"a blank", "/eventType", `{"eventType":"a b"}`, ""},
		{"a new line", "/eventType", `{"eventType":"a\r\nNats-Rollup: all"}`, ""},
		{"a control byte", "/eventType", `{"eventType":"a\u007f"}`, ""},
		{"not ASCII", "/eventType", `{"eventType":"é"}`, ""},
		{"255 bytes", "/eventType", `{"eventType":"` + strings.Repeat("x", 255) + `"}`, strings.Repeat("x", 255)},
		{"256 bytes", "/eventType", `{"eventType":"` + strings.Repeat("x", 256) + `"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ring := ringOf(t, hexTimed)
			ring.TypeField = c.field
			if got := eventType(requestOf(http.Header{}, c.body), ring); got != c.want {
				t.Errorf("eventType(%.60q, %q) = %q, want %q", c.body, c.field, got, c.want)
			}
		})
	}
}
