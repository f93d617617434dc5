package check_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookproof/hookproof/deploy/tools/chaos/history"
)

// Names of what the good history holds, so that a mutation can say which part it changes.
const (
	event       = "event"        // genuine, with a copy
	eventCopy   = "copy"         // of event, which is verified
	restamped   = "restamped"    // event again, with another timestamp
	lonely      = "lonely"       // genuine, without a copy
	message     = "message"      // Open Messaging
	order       = "order"        // Standard Webhooks
	orderAgain  = "order again"  // the same, signed anew
	forged      = "forged"       // of no secret
	unsignedOne = "unsigned"     // without a signature
	stampless   = "stampless"    // without a timestamp
	late        = "late"         // with a timestamp too old
	foreign     = "foreign"      // from an address outside
	oversized   = "oversized"    // answered 413
	unknown     = "unknown"      // answered 404
	unanswered  = "unanswered"   // stored, and the sender does not know
	refused503  = "refused, 503" // not stored
	poison      = "poison"       // injected
)

var (
	start  = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	secret = map[string]string{"calls": "a secret of calls", "chats": "a secret of chats",
		"orders": "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of orders"))}
)

// builder makes a history in which every promise was kept.
type builder struct {
	h  history.History
	at time.Time
	n  map[string]int // numbers of the attempts, by name
}

func good() *builder {
	b := &builder{at: start, n: map[string]int{}}
	b.h.Run = history.Run{Scenario: "made up", Seed: 1, Horizon: time.Hour, MinVerified: 4, MinFaults: 1}
	for webhook, scheme := range map[string]string{"calls": history.GenesysWebhook, "chats": history.OpenMessaging, "orders": history.StandardWebhooks} {
		p := history.Policy{Webhook: webhook, Scheme: scheme, Secrets: []history.Secret{{Text: secret[webhook]}}, Tolerance: 5 * time.Minute,
			MaxBody: 200, Asked: start.Add(-2 * time.Second), Live: start.Add(-time.Second)}
		if webhook == "calls" {
			p.Allowlist = []string{"203.0.113.0/24"}
		}
		b.h.Policies = append(b.h.Policies, p)
	}
	b.h.Faults = []history.Fault{{Name: "killed", At: start}}
	b.requests()
	return b
}

func (b *builder) requests() {
	ms := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	calls := func(name string, change func(http.Header), body string) http.Header {
		h := http.Header{"X-Genesys-Timestamp": {ms(b.at)}, "X-Genesys-Signature": {mac(secret["calls"], body)}, "Cookie": {"stays behind"}}
		if change != nil {
			change(h)
		}
		return h
	}
	first := calls(event, nil, `{"n":1}`)
	b.judged(event, "calls", first, `{"n":1}`, "VERIFIED", "", "")
	b.judged(eventCopy, "calls", first, `{"n":1}`, "REJECTED", "REPLAY_ATTACK_DETECTED", "redelivery")
	b.at = b.at.Add(time.Second)
	b.judged(restamped, "calls", calls("", nil, `{"n":1}`), `{"n":1}`, "REJECTED", "REPLAY_ATTACK_DETECTED", "replay")
	b.judged(lonely, "calls", calls("", nil, `{"n":2}`), `{"n":2}`, "VERIFIED", "", "")
	chat := `{"channel":{"time":"` + b.at.Format("2006-01-02T15:04:05.000Z") + `"}}`
	b.judged(message, "chats", http.Header{"X-Hub-Signature-256": {"sha256=" + mac(secret["chats"], chat)}}, chat, "VERIFIED", "", "")
	b.judged(order, "orders", b.order("id-1", `{"n":3}`), `{"n":3}`, "VERIFIED", "", "")
	b.at = b.at.Add(3 * time.Second)
	b.judged(orderAgain, "orders", b.order("id-1", `{"n":3}`), `{"n":3}`, "REJECTED", "REPLAY_ATTACK_DETECTED", "redelivery")

	b.judged(forged, "calls", calls("", func(h http.Header) { h.Set("X-Genesys-Signature", mac("another", `{"n":4}`)) }, `{"n":4}`), `{"n":4}`, "REJECTED", "SIGNATURE_MISMATCH", "mismatch")
	b.judged(unsignedOne, "calls", calls("", func(h http.Header) { h.Del("X-Genesys-Signature") }, ``), `{"n":5}`, "REJECTED", "MISSING_SIGNATURE", "")
	b.judged(stampless, "calls", calls("", func(h http.Header) { h.Del("X-Genesys-Timestamp") }, `{"n":6}`), `{"n":6}`, "REJECTED", "MISSING_TIMESTAMP", "")
	b.judged(late, "calls", calls("", func(h http.Header) { h.Set("X-Genesys-Timestamp", ms(b.at.Add(-time.Hour))) }, `{"n":7}`), `{"n":7}`, "REJECTED", "TIMESTAMP_SKEW_EXCEEDED", "skew")
	b.sent(foreign, "calls", calls("", nil, `{"n":8}`), `{"n":8}`, "198.51.100.7")
	b.answered(foreign, 200)
	b.stored(foreign, "REJECTED", "IP_NOT_WHITELISTED", "")

	b.sent(oversized, "calls", calls("", nil, ""), strings.Repeat("x", 300), "203.0.113.1")
	b.answered(oversized, 413)
	b.sent(unknown, "nobody", http.Header{}, "{}", "203.0.113.1")
	b.answered(unknown, 404)
	b.sent(unanswered, "calls", calls("", nil, `{"n":9}`), `{"n":9}`, "203.0.113.1")
	b.answered(unanswered, 0)
	b.stored(unanswered, "VERIFIED", "", "")
	b.sent(refused503, "calls", calls("", nil, `{"n":10}`), `{"n":10}`, "203.0.113.1")
	b.answered(refused503, 503)
	b.inject()
}

func (b *builder) inject() {
	b.sent(poison, "calls", nil, "poison", "")
	a := b.attempt(poison)
	a.Kind, a.Want, a.Header = history.KindInjected, "UNKNOWN_VERSION", http.Header{history.AttemptHeader: {strconv.Itoa(a.N)}}
	b.answered(poison, 200)
	b.stored(poison, "PARKED", "UNKNOWN_VERSION", "")
}

func (b *builder) order(id, body string) http.Header {
	stamp := strconv.FormatInt(b.at.Unix(), 10)
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret["orders"], "whsec_"))
	return http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {"v1,c29tZXRoaW5n v1," + mac(string(key), id+"."+stamp+"."+body)}}
}

func mac(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// judged is a request that was accepted and has its outcome.
func (b *builder) judged(name, webhook string, h http.Header, body, stream, reason, detail string) {
	b.sent(name, webhook, h, body, "203.0.113.1")
	b.answered(name, 200)
	b.stored(name, stream, reason, detail)
}

func (b *builder) sent(name, webhook string, h http.Header, body, client string) {
	n := len(b.h.Attempts) + 1
	b.n[name] = n
	if h != nil {
		h = h.Clone()
		h.Set(history.AttemptHeader, strconv.Itoa(n))
		h["X-Several"] = []string{"one", "two"}
	}
	b.h.Attempts = append(b.h.Attempts, history.Attempt{N: n, Kind: name, Webhook: webhook, Header: h, ClientIP: client, Body: []byte(body), At: b.at})
}

func (b *builder) answered(name string, status int) {
	a := history.Answer{N: b.n[name], Status: status, At: b.at.Add(10 * time.Millisecond)}
	if status == 200 {
		a.ID = id(name)
	}
	b.h.Answers = append(b.h.Answers, a)
}

func (b *builder) stored(name, stream, reason, detail string) {
	a := b.attempt(name)
	m := history.Message{Stream: stream, Subject: strings.ToLower(stream) + "." + a.Webhook, Sequence: uint64(len(b.h.Messages) + 1), Body: a.Body,
		At: b.at.Add(50 * time.Millisecond), Header: map[string][]string{"Hookproof-Id": {id(name)}, "Hookproof-Client-Ip": {a.ClientIP},
			"Hookproof-Received-At": {b.at.Add(5 * time.Millisecond).Format(time.RFC3339Nano)}, "Hookproof-Policy-Revision": {"7"}}}
	if reason != "" {
		m.Header["Hookproof-Reason"] = []string{reason}
	}
	if detail != "" {
		m.Header["Hookproof-Detail"] = []string{detail}
	}
	for k, v := range a.Header {
		if k != "Cookie" {
			m.Header["Http-"+k] = slices.Clone(v)
		}
	}
	b.h.Messages = append(b.h.Messages, m)
}

func id(name string) string { return fmt.Sprintf("id of %s", name) }

func (b *builder) attempt(name string) *history.Attempt { return &b.h.Attempts[b.n[name]-1] }

func (b *builder) answer(name string) *history.Answer {
	i := slices.IndexFunc(b.h.Answers, func(a history.Answer) bool { return a.N == b.n[name] })
	return &b.h.Answers[i]
}

// message returns the message of an attempt.
func (b *builder) message(name string) *history.Message {
	i := slices.IndexFunc(b.h.Messages, func(m history.Message) bool { return m.Header["Hookproof-Id"][0] == id(name) })
	return &b.h.Messages[i]
}

// again stores a copy of a message under the next sequence, and returns it.
func (b *builder) again(name string) *history.Message {
	m := *b.message(name)
	header := map[string][]string{}
	for k, v := range m.Header {
		header[k] = slices.Clone(v)
	}
	m.Header, m.Sequence = header, uint64(len(b.h.Messages)+1)
	b.h.Messages = append(b.h.Messages, m)
	return &b.h.Messages[len(b.h.Messages)-1]
}

func (b *builder) drop(name string) {
	b.h.Messages = slices.DeleteFunc(b.h.Messages, func(m history.Message) bool { return m.Header["Hookproof-Id"][0] == id(name) })
}

// become gives a message another outcome.
func become(m *history.Message, stream, reason string) {
	_, webhook, _ := strings.Cut(m.Subject, ".")
	m.Stream, m.Subject = stream, strings.ToLower(stream)+"."+webhook
	delete(m.Header, "Hookproof-Reason")
	delete(m.Header, "Hookproof-Detail")
	if reason != "" {
		m.Header["Hookproof-Reason"] = []string{reason}
	}
}
