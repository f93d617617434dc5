package genesystest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/hookproof/hookproof/pkg/secret"
)

// signed is a delivery as it goes over the wire, the same in every attempt.
type signed struct {
	id     string
	body   []byte
	header http.Header
}

// event makes a genuine event of a target's kind, as of a time.
func (s *Simulator) event(t target, at time.Time) signed {
	if t.kind == kindOpenMessaging {
		id := s.dice.hex()
		return t.sign(id, s.message(t, id, at), at)
	}
	id := s.dice.id()
	topic := "test"
	if len(t.events) > 0 {
		topic = t.events[s.dice.pick(len(t.events))]
	}
	return t.sign(id, s.notification(t, id, topic, at), at)
}

// sign signs exactly these bytes. The signature is computed here rather than by pkg/signature, so that two independent
// readings of the documentation have to agree.
func (t target) sign(id string, body []byte, at time.Time) signed {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "Genesys-Cloud-Simulator")
	for k, v := range t.headers {
		h.Set(k, v)
	}
	if t.kind == kindOpenMessaging {
		h.Set("X-Hub-Signature-256", "sha256="+mac(t.secret, body))
	} else {
		h.Set("X-Genesys-Signature", mac(t.secret, body))
		h.Set("X-Genesys-Timestamp", strconv.FormatInt(at.UnixMilli(), 10))
	}
	return signed{id: id, body: body, header: h}
}

// mac is the padded standard base64 of the HMAC-SHA256 of the raw body under the secret's UTF-8 bytes.
func mac(key secret.Text, body []byte) string {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// notification is the body of an event of the kind webhook.
type notification struct {
	ID        string           `json:"id"`
	Event     string           `json:"event"`
	WebhookID string           `json:"webhookId"`
	Timestamp string           `json:"timestamp"`
	Data      notificationData `json:"data"`
}

type notificationData struct {
	ConversationID string `json:"conversationId"`
	MediaType      string `json:"mediaType"`
	Direction      string `json:"direction"`
}

func (s *Simulator) notification(t target, id, topic string, at time.Time) []byte {
	return mustJSON(notification{
		ID: id, Event: topic, WebhookID: t.id, Timestamp: at.UTC().Format(milliseconds),
		Data: notificationData{ConversationID: s.dice.id(), MediaType: "voice", Direction: "inbound"},
	})
}

// message is the body of an Open Messaging delivery: an agent's outbound text
// (https://developer.genesys.cloud/commdigital/digital/openmessaging/outboundMessages).
type message struct {
	ID             string  `json:"id"`
	Channel        channel `json:"channel"`
	Type           string  `json:"type"`
	Text           string  `json:"text"`
	Originating    string  `json:"originatingEntity"`
	Direction      string  `json:"direction"`
	ConversationID string  `json:"conversationId"`
}

type channel struct {
	ID        string `json:"id"`
	Platform  string `json:"platform"`
	Type      string `json:"type"`
	To        party  `json:"to"`
	From      party  `json:"from"`
	Time      string `json:"time"`
	MessageID string `json:"messageId"`
}

type party struct {
	Nickname string `json:"nickname,omitempty"`
	ID       string `json:"id"`
	IDType   string `json:"idType"`
}

func (s *Simulator) message(t target, id string, at time.Time) []byte {
	return mustJSON(message{
		ID: id, Type: "Text", Text: "How may I help you?", Originating: "Human", Direction: "Outbound", ConversationID: s.dice.id(),
		Channel: channel{
			ID: t.id, Platform: "Open", Type: "Private", MessageID: id, Time: at.UTC().Format(milliseconds),
			To:   party{ID: "customer-" + strconv.Itoa(s.dice.pick(1000)), IDType: "Opaque"},
			From: party{Nickname: t.name, ID: t.id, IDType: "Opaque"},
		},
	})
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // every value is a struct of strings
	}
	return b
}
