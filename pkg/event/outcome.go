package event

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// Verdict is what the verifier found about a request: a Reason, or none for a genuine one.
type Verdict struct {
	Reason Reason // empty for a verified event
	Detail string // one of the Detail constants, or empty
}

// Verified reports whether the request is genuine and new.
func (v Verdict) Verified() bool { return v.Reason == "" }

// Judgement is a verdict with how it came about, as an outcome's headers tell it.
type Judgement struct {
	Verdict
	PolicyRevision    uint64 // of the policy that it was judged by; 0 when there was none
	Verifier          string // the instance that judged
	Key               string // the replay key; empty when the signature was not valid
	PossibleDuplicate bool   // verified after an outage longer than the horizon
	ReplayUnchecked   bool   // the policy switched the replay check off
	Type              string // the CloudEvents type; empty for DefaultType
}

// VerifiedMsg returns the outcome of a genuine request, also a CloudEvents 1.0 message in NATS binary mode. Its
// Nats-Msg-Id is the request's id, whatever the attempt, so that VERIFIED holds it once.
func VerifiedMsg(r *Request, j Judgement) *nats.Msg {
	w := outcomeHeader(r.Header, j)
	w.set(headerMsgID, r.ID)
	w.set(HeaderCESpecVersion, "1.0")
	w.set(HeaderCEID, r.ID)
	w.set(HeaderCESource, "/hookproof/"+r.Webhook)
	w.set(HeaderCEType, cmp.Or(j.Type, DefaultType))
	w.set(HeaderCETime, formatTime(r.ReceivedAt))
	if ct := r.Header.Values("Content-Type"); len(ct) == 1 {
		w.set(HeaderContentType, ct[0])
	}
	if j.PossibleDuplicate {
		w.set(HeaderPossibleDuplicate, "true")
	}
	if j.ReplayUnchecked {
		w.set(HeaderReplayCheck, "off")
	}
	return &nats.Msg{Subject: Subject(Verified, r.Webhook), Header: nats.Header(w.Header), Data: r.Body}
}

// RejectedMsg returns the outcome of a request that failed a check.
func RejectedMsg(r *Request, j Judgement) *nats.Msg {
	w := outcomeHeader(r.Header, j)
	w.set(headerMsgID, r.MsgID())
	return &nats.Msg{Subject: Subject(Rejected, r.Webhook), Header: nats.Header(w.Header), Data: r.Body}
}

// ParkedMsg returns a message that cannot be judged, as it came, with the reason. The sequence is the message's in
// UNVERIFIED: it identifies one that has no readable id.
func ParkedMsg(m *nats.Msg, sequence uint64, verifier string, v Verdict) *nats.Msg {
	w := outcomeHeader(Header(m.Header), Judgement{Verdict: v, Verifier: verifier})
	w.set(headerMsgID, "unverified."+strconv.FormatUint(sequence, 10))
	_, token, _ := strings.Cut(m.Subject, ".")
	return &nats.Msg{Subject: Subject(Parked, token), Header: nats.Header(w.Header), Data: m.Data}
}

// captured copies what an ingress or a redrive writes and nothing else: a header such as Nats-Rollup on one message must
// not act on the stream of the next. The slices of values are shared.
func captured(from Header) Header {
	h := make(Header, len(from)+12) // room for what an outcome adds
	for name, values := range from {
		if strings.HasPrefix(name, httpPrefix) || captureHeaders[name] {
			h[name] = values
		}
	}
	return h
}

func outcomeHeader(from Header, j Judgement) *writer {
	w := captured(from).write(12)
	if j.Reason != "" {
		w.set(HeaderReason, string(j.Reason))
	}
	if j.Detail != "" {
		w.set(HeaderDetail, j.Detail)
	}
	if j.PolicyRevision > 0 {
		w.set(HeaderPolicyRevision, strconv.FormatUint(j.PolicyRevision, 10))
	}
	if j.Key != "" {
		w.set(HeaderKey, j.Key)
	}
	w.set(HeaderVerifier, j.Verifier)
	return w
}

var captureHeaders = map[string]bool{
	HeaderVersion: true, HeaderID: true, HeaderReceivedAt: true, HeaderRemoteAddr: true, HeaderClientIP: true,
	HeaderPath: true, HeaderAttempt: true, HeaderRedrivenBy: true, "traceparent": true, "tracestate": true,
}
