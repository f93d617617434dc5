package verifier

import (
	"strconv"
	"time"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/failpoint"
	"github.com/hookproof/hookproof/pkg/jsonpointer"
	"github.com/hookproof/hookproof/pkg/planted"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/signature"
)

// checkTimestampHeader checks the time that a header carries, where the scheme has one.
func checkTimestampHeader(r *event.Request, ring *policy.Ring) event.Verdict {
	if ring.Scheme.TimestampHeader == "" {
		return event.Verdict{}
	}
	text, conflict := signature.Single(r.Header, ring.Scheme.TimestampHeader)
	switch {
	case conflict:
		return event.Verdict{Reason: event.TimestampSkew, Detail: event.DetailDuplicateHeader}
	case text == "":
		return event.Verdict{Reason: event.MissingTimestamp}
	}
	at, ok := parseUnix(text, ring.Scheme.TimestampUnit)
	return checkSkew(at, ok, r, ring)
}

// checkTimestampField checks the time inside the body, where the scheme has it there. It runs after the signature was
// found valid: before, the body is anybody's word, and parsing it is work for free.
func checkTimestampField(r *event.Request, ring *policy.Ring) event.Verdict {
	if ring.Scheme.TimestampField == "" {
		return event.Verdict{}
	}
	text, ok := jsonpointer.String(r.Body, ring.Scheme.TimestampField)
	if !ok {
		return event.Verdict{Reason: event.MissingTimestamp}
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return checkSkew(at, err == nil, r, ring)
}

func checkSkew(at time.Time, readable bool, r *event.Request, ring *policy.Ring) event.Verdict {
	received := r.ReceivedAt
	if planted.WallClock {
		received = failpoint.Now()
	}
	switch {
	case !readable:
		return event.Verdict{Reason: event.TimestampSkew, Detail: event.DetailUnparsable}
	case skew(received, at) > time.Duration(ring.Tolerance):
		return event.Verdict{Reason: event.TimestampSkew, Detail: event.DetailSkew}
	}
	return event.Verdict{}
}

// skew returns the distance of two times. Time.Sub saturates, and Abs turns even the most negative duration into the
// longest one; negated by hand it would stay negative and pass.
func skew(a, b time.Time) time.Duration { return a.Sub(b).Abs() }

// parseUnix reads a time since the Unix epoch in whole units: ASCII digits without sign, blanks or leading zeros, so that
// a time has one spelling.
func parseUnix(text string, unit signature.Unit) (time.Time, bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return time.Time{}, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(text) > 1 && text[0] == '0' {
		return time.Time{}, false
	}
	if unit == signature.Seconds {
		return time.Unix(n, 0), true
	}
	return time.UnixMilli(n), true
}
