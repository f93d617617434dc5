package event

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/planted"
)

// timeLayout is RFC 3339 with all nine digits, so that texts sort as times do.
const timeLayout = "2006-01-02T15:04:05.000000000Z07:00"

// Errors of Decode, for errors.Is.
var (
	// ErrUnreadable says that a message is not one that an ingress writes.
	ErrUnreadable = errors.New("unreadable message")
	// ErrVersion says that a message is of another format; a newer verifier may read it.
	ErrVersion = errors.New("unknown message version")
)

// Request is one captured HTTP request.
type Request struct {
	ID         string     // UUIDv7
	Webhook    string     // the last token of the subject
	Attempt    int        // 0 on the first passage, n on the nth redrive
	ReceivedAt time.Time  // when the ingress had read the request; every time check is made against it
	RemoteAddr string     // the TCP peer
	ClientIP   netip.Addr // the sender; the zero Addr when it could not be resolved
	Path       string     // path and query
	Header     Header     // the captured HTTP headers; see CaptureHeader
	Body       []byte     // exactly as it came
}

// MsgID is the id under which streams other than VERIFIED know this passage of the request.
func (r *Request) MsgID() string { return r.ID + "." + strconv.Itoa(r.Attempt) }

// Encode returns the message for UNVERIFIED. It takes r.Header and r.Body over: neither may be changed afterwards.
func Encode(r *Request) *nats.Msg {
	h := r.Header
	if h == nil {
		h = make(Header, 8)
	}
	w := h.write(8)
	w.set(HeaderVersion, Version)
	w.set(HeaderID, r.ID)
	w.set(HeaderReceivedAt, formatTime(r.ReceivedAt))
	w.set(HeaderRemoteAddr, r.RemoteAddr)
	w.set(HeaderPath, r.Path)
	if r.ClientIP.IsValid() {
		w.set(HeaderClientIP, r.ClientIP.String())
	}
	if r.Attempt > 0 {
		w.set(HeaderAttempt, strconv.Itoa(r.Attempt))
	}
	w.set(headerMsgID, r.MsgID())
	if planted.RawHeaders {
		for name, values := range h.HTTP() {
			h[name] = values
		}
	}
	return &nats.Msg{Subject: Subject(Unverified, r.Webhook), Header: nats.Header(h), Data: r.Body}
}

// Decode reads a message of UNVERIFIED. The Request shares the message's header and data. Errors wrap ErrVersion or
// ErrUnreadable and name the header that is wrong.
func Decode(m *nats.Msg) (*Request, error) {
	h := Header(m.Header)
	if v := h.get(HeaderVersion); v != Version {
		if v == "" {
			return nil, unreadable(HeaderVersion, errors.New("absent"))
		}
		return nil, fmt.Errorf("%w: %.32q", ErrVersion, v)
	}
	r := &Request{ID: h.get(HeaderID), RemoteAddr: h.get(HeaderRemoteAddr), Path: h.get(HeaderPath), Header: h, Body: m.Data}
	if err := uuid.Validate(r.ID); err != nil || len(r.ID) != 36 {
		return nil, unreadable(HeaderID, errors.New("not a UUID"))
	}
	var err error
	if r.ReceivedAt, err = time.Parse(time.RFC3339Nano, h.get(HeaderReceivedAt)); err != nil {
		return nil, unreadable(HeaderReceivedAt, errors.New("not an RFC 3339 time"))
	}
	if text := h.get(HeaderClientIP); text != "" {
		if r.ClientIP, err = netip.ParseAddr(text); err != nil {
			return nil, unreadable(HeaderClientIP, errors.New("not an address"))
		}
	}
	if text := h.get(HeaderAttempt); text != "" {
		if r.Attempt, err = strconv.Atoi(text); err != nil || r.Attempt < 1 {
			return nil, unreadable(HeaderAttempt, errors.New("not a positive number"))
		}
	}
	root, webhook, _ := strings.Cut(m.Subject, ".")
	if root != Unverified || !ValidWebhook(webhook) {
		return nil, fmt.Errorf("%w: subject %.80q", ErrUnreadable, m.Subject)
	}
	r.Webhook = webhook
	return r, nil
}

func unreadable(header string, why error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnreadable, header, why)
}

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }
