package event_test

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"github.com/hookproof/hookproof/pkg/event"
)

func TestValidWebhook(t *testing.T) {
	for _, c := range []struct {
		name string
		want bool
	}{
		{"genesys", true}, {"a", true}, {"A-Z_09", true}, {"-", true}, {strings.Repeat("x", 64), true},
		{"", false}, {strings.Repeat("x", 65), false}, {"a.b", false}, {"*", false}, {">", false}, {"a b", false}, {"a/b", false},
		{"a\n", false}, {"\na", false}, {"a\x00", false}, {"é", false}, {"a%20b", false}, {"$JS", false}, {" a", false},
	} {
		if got := event.ValidWebhook(c.name); got != c.want {
			t.Errorf("ValidWebhook(%q) = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	set := func(name string, values ...string) func(*nats.Msg) {
		return func(m *nats.Msg) { m.Header[name] = values }
	}
	subject := func(s string) func(*nats.Msg) { return func(m *nats.Msg) { m.Subject = s } }
	for _, c := range []struct {
		name   string
		damage func(*nats.Msg)
		want   error
		names  string // what the error must name
	}{
		{"no header at all", func(m *nats.Msg) { m.Header = nil }, event.ErrUnreadable, event.HeaderVersion},
		{"no version", set(event.HeaderVersion), event.ErrUnreadable, event.HeaderVersion},
		{"empty version", set(event.HeaderVersion, ""), event.ErrUnreadable, event.HeaderVersion},
		{"newer version", set(event.HeaderVersion, "2"), event.ErrVersion, `"2"`},
		{"a long version is cut", set(event.HeaderVersion, strings.Repeat("9", 4096)), event.ErrVersion, `"9999`},
		{"no id", set(event.HeaderID), event.ErrUnreadable, event.HeaderID},
		{"an id with a dot", set(event.HeaderID, "1.2"), event.ErrUnreadable, event.HeaderID},
		{"an id in braces", set(event.HeaderID, "{"+requestID+"}"), event.ErrUnreadable, event.HeaderID},
		{"a URN", set(event.HeaderID, "urn:uuid:"+requestID), event.ErrUnreadable, event.HeaderID},
		{"no time", set(event.HeaderReceivedAt), event.ErrUnreadable, event.HeaderReceivedAt},
		{"a unix time", set(event.HeaderReceivedAt, "1795489200"), event.ErrUnreadable, event.HeaderReceivedAt},
		{"a client with a port", set(event.HeaderClientIP, "192.0.2.1:80"), event.ErrUnreadable, event.HeaderClientIP},
		{"attempt 0", set(event.HeaderAttempt, "0"), event.ErrUnreadable, event.HeaderAttempt},
		{"attempt -1", set(event.HeaderAttempt, "-1"), event.ErrUnreadable, event.HeaderAttempt},
		{"attempt x", set(event.HeaderAttempt, "x"), event.ErrUnreadable, event.HeaderAttempt},
		{"attempt of 30 digits", set(event.HeaderAttempt, strings.Repeat("9", 30)), event.ErrUnreadable, event.HeaderAttempt},
		{"another root", subject("verified.genesys"), event.ErrUnreadable, `"verified.genesys"`},
		{"no webhook", subject("unverified."), event.ErrUnreadable, `"unverified."`},
		{"one token", subject("unverified"), event.ErrUnreadable, `"unverified"`},
		{"three tokens", subject("unverified.a.b"), event.ErrUnreadable, `"unverified.a.b"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := event.Encode(captured())
			c.damage(m)
			r, err := event.Decode(m)
			if r != nil || !errors.Is(err, c.want) {
				t.Fatalf("Decode = %v, %v, want %v", r, err, c.want)
			}
			if text := err.Error(); !strings.Contains(text, c.names) || len(text) > 200 {
				t.Errorf("Decode = %q, want at most 200 bytes that name %s", text, c.names)
			}
		})
	}
}

func TestDecodeWithoutClient(t *testing.T) {
	r := captured()
	r.ClientIP = netip.Addr{}
	m := event.Encode(r)
	if _, is := m.Header[event.HeaderClientIP]; is {
		t.Errorf("%s = %q, want it absent where there is no address", event.HeaderClientIP, m.Header[event.HeaderClientIP])
	}
	if got, err := event.Decode(m); err != nil || got.ClientIP.IsValid() {
		t.Errorf("Decode = %v, %v, want no address", got, err)
	}
}

// TestEncodeDecode holds that nothing of a request is lost or changed on the way.
func TestEncodeDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyRequest(t)
		header := maps.Clone(want.Header.HTTP())
		m := event.Encode(want)
		got, err := event.Decode(m)
		if err != nil {
			t.Fatalf("Decode = %v", err)
		}
		if !bytes.Equal(got.Body, want.Body) || !bytes.Equal(m.Data, want.Body) {
			t.Errorf("body = %x, want %x", got.Body, want.Body)
		}
		if !got.ReceivedAt.Equal(want.ReceivedAt) {
			t.Errorf("ReceivedAt = %v, want %v", got.ReceivedAt, want.ReceivedAt)
		}
		if !maps.EqualFunc(got.Header.HTTP(), header, slices.Equal) {
			t.Errorf("Header = %q, want %q", got.Header.HTTP(), header)
		}
		if got.ID != want.ID || got.Webhook != want.Webhook || got.Attempt != want.Attempt || got.RemoteAddr != want.RemoteAddr ||
			got.ClientIP != want.ClientIP || got.Path != want.Path {
			t.Errorf("Decode(Encode(%+v)) = %+v", want, got)
		}
		if got.MsgID() != m.Header.Get("Nats-Msg-Id") {
			t.Errorf("MsgID() = %q, want %q", got.MsgID(), m.Header.Get("Nats-Msg-Id"))
		}
	})
}

func anyRequest(t *rapid.T) *event.Request {
	h := http.Header{}
	for range rapid.IntRange(0, 5).Draw(t, "lines") {
		h.Add(rapid.StringMatching(`X-[A-Za-z]{1,5}`).Draw(t, "name"), rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "value"))
	}
	r := &event.Request{
		ID: uuid.Must(uuid.NewV7()).String(), Webhook: rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`).Draw(t, "webhook"),
		Attempt:    rapid.IntRange(0, 5).Draw(t, "attempt"),
		ReceivedAt: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")),
		RemoteAddr: "192.0.2.1:1024", Path: "/webhooks/x?" + rapid.StringMatching(`[!-~]{0,20}`).Draw(t, "query"),
		Header: event.CaptureHeader(h, rapid.SampledFrom([]string{"", "example.com"}).Draw(t, "host")),
		Body:   rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
	}
	switch n := rapid.IntRange(0, 2).Draw(t, "family"); n {
	case 1:
		r.ClientIP = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "IPv4")))
	case 2:
		r.ClientIP = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "IPv6")))
	}
	return r
}

// FuzzDecode holds that no message makes Decode panic, that every refusal is one of the two kinds, and that what is
// accepted can be encoded and read again.
func FuzzDecode(f *testing.F) {
	f.Add("unverified.genesys", event.Version, requestID, "2026-11-24T03:00:01.020000000Z", "192.0.2.1", "1", []byte("{}"))
	f.Add("unverified.a.b", "2", "", "", "fe80::1%eth0", "-1", []byte(nil))
	f.Add("", "", "urn:uuid:"+requestID, "2026-11-24", "::ffff:192.0.2.1", "+1", []byte{0})
	f.Fuzz(func(t *testing.T, subject, version, id, at, client, attempt string, body []byte) {
		m := &nats.Msg{Subject: subject, Data: body, Header: nats.Header{event.HeaderVersion: {version}, event.HeaderID: {id},
			event.HeaderReceivedAt: {at}, event.HeaderClientIP: {client}, event.HeaderAttempt: {attempt}}}
		r, err := event.Decode(m)
		if err != nil {
			if !errors.Is(err, event.ErrUnreadable) && !errors.Is(err, event.ErrVersion) {
				t.Errorf("Decode = %v, want ErrUnreadable or ErrVersion", err)
			}
			return
		}
		if year := r.ReceivedAt.UTC().Year(); year < 0 || year > 9999 {
			return // RFC 3339 has four digits
		}
		again, err := event.Decode(event.Encode(r))
		if err != nil || again.ID != r.ID || again.Attempt != r.Attempt || again.ClientIP != r.ClientIP || !again.ReceivedAt.Equal(r.ReceivedAt) || !bytes.Equal(again.Body, body) {
			t.Errorf("Decode(Encode(%+v)) = %+v, %v", r, again, err)
		}
	})
}
