package event

import (
	"strings"

	"github.com/nats-io/nats.go"
)

// Forwarded returns a captured message such that another server stores it as it is: under its own message id, so that the
// same message sent twice is stored once, and with the headers and the body that it has. What else JetStream reads from
// headers, such as the place in a batch in which it was stored here, is left out. The body is shared.
func Forwarded(m *nats.Msg) *nats.Msg {
	h := make(nats.Header, len(m.Header))
	for name, values := range m.Header {
		if name == headerMsgID || !strings.HasPrefix(name, "Nats-") {
			h[name] = values
		}
	}
	return &nats.Msg{Subject: m.Subject, Header: h, Data: m.Data}
}
