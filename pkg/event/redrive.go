package event

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// Redriven returns the message that sends a rejected or parked request back to UNVERIFIED: its body and what the ingress
// wrote, byte for byte, as the attempt given, which must be positive and higher than the outcome's own. What the outcome
// added stays behind. By says who sends it, for the outcome's header; it may be empty. Errors wrap ErrVersion or
// ErrUnreadable: what cannot be decoded would only be parked again. The data is shared with the outcome.
func Redriven(outcome *nats.Msg, attempt int, by string) (*nats.Msg, error) {
	root, webhook, _ := strings.Cut(outcome.Subject, ".")
	if root != Rejected && root != Parked {
		return nil, fmt.Errorf("%w: subject %.80q", ErrUnreadable, outcome.Subject)
	}
	w := captured(Header(outcome.Header)).write(3)
	m := &nats.Msg{Subject: Subject(Unverified, webhook), Header: nats.Header(w.Header), Data: outcome.Data}
	r, err := Decode(m)
	switch {
	case err != nil:
		return nil, err
	case attempt <= r.Attempt:
		return nil, unreadable(HeaderAttempt, errors.New("not lower than the one that comes next"))
	}
	r.Attempt = attempt
	w.set(HeaderAttempt, strconv.Itoa(attempt))
	w.set(headerMsgID, r.MsgID())
	delete(w.Header, HeaderRedrivenBy)
	if by != "" {
		w.set(HeaderRedrivenBy, by)
	}
	return m, nil
}
