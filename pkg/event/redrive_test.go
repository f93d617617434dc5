package event_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/event"
)

// TestRedriven holds that a redrive sends what the ingress sent: no more than the attempt, its message id and the name of
// who did it may differ, whether it was rejected or parked, and however often.
func TestRedriven(t *testing.T) {
	want := event.Encode(captured())
	want.Header.Set("traceparent", "00-33333333333333333333333333333333-4444444444444444-01")
	judgement := event.Judgement{PolicyRevision: 12, Verifier: "v", Key: "key", Verdict: event.Verdict{Reason: event.SignatureMismatch, Detail: event.DetailMismatch}}
	rejected := event.RejectedMsg(stored(t), judgement)
	parked := event.ParkedMsg(want, 4711, "v", event.Verdict{Reason: event.Unresolvable, Detail: "env:X"})
	first, err := event.Redriven(rejected, 1, "alice")
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := event.Decode(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		outcome *nats.Msg
		attempt int
	}{{"rejected", rejected, 1}, {"parked", parked, 1}, {"rejected again", event.RejectedMsg(decoded, judgement), 2}, {"parked again", event.ParkedMsg(first, 1, "v", judgement.Verdict), 7}} {
		t.Run(c.name, func(t *testing.T) {
			c.outcome.Header["Nats-Sequence"] = []string{"1"} // as a direct read has it
			got, err := event.Redriven(c.outcome, c.attempt, "bob")
			if err != nil {
				t.Fatal(err)
			}
			header := maps.Clone(want.Header)
			n := string(rune('0' + c.attempt))
			header["Hookproof-Attempt"], header["Nats-Msg-Id"], header["Hookproof-Redriven-By"] = []string{n}, []string{requestID + "." + n}, []string{"bob"}
			if got.Subject != "unverified.genesys" || string(got.Data) != string(want.Data) || !maps.EqualFunc(got.Header, header, slices.Equal) {
				t.Errorf("Redriven = %s, want %s", dump(got), dump(&nats.Msg{Subject: want.Subject, Header: header, Data: want.Data}))
			}
			r, err := event.Decode(got)
			if err != nil {
				t.Fatal(err)
			}
			if by := event.VerifiedMsg(r, event.Judgement{}).Header[event.HeaderRedrivenBy]; !slices.Equal(by, []string{"bob"}) {
				t.Errorf("the outcome says it was redriven by %q, want bob", by)
			}
		})
	}
}

func TestRedrivenRefuses(t *testing.T) {
	request := stored(t)
	request.Attempt = 2
	request.Header[event.HeaderAttempt] = []string{"2"}
	newer := event.Encode(captured())
	newer.Header[event.HeaderVersion] = []string{"2"}
	for _, c := range []struct {
		name    string
		outcome *nats.Msg
		attempt int
		want    error
		names   string
	}{
		{"verified", event.VerifiedMsg(request, event.Judgement{}), 3, event.ErrUnreadable, "verified.genesys"},
		{"the same attempt", event.RejectedMsg(request, event.Judgement{}), 2, event.ErrUnreadable, event.HeaderAttempt},
		{"another format", event.ParkedMsg(newer, 1, "v", event.Verdict{}), 1, event.ErrVersion, `"2"`},
		{"no headers", &nats.Msg{Subject: "parked.genesys"}, 1, event.ErrUnreadable, event.HeaderVersion},
	} {
		if m, err := event.Redriven(c.outcome, c.attempt, ""); m != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: Redriven = %v, %v, want %v that names %s", c.name, m, err, c.want, c.names)
		}
	}
}
