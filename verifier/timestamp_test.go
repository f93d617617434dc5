package verifier

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/signature"
)

// TestTimestampHeader sends each text with a signature that is right whatever the timestamp, since genesys-webhook does
// not sign it.
func TestTimestampHeader(t *testing.T) {
	s := named(t, signature.NameGenesysWebhook)
	now := receivedAt.UnixMilli()
	ms := func(offset int64) string { return strconv.FormatInt(now+offset, 10) }
	good, skewed, unparsable := event.Verdict{}, event.Verdict{Reason: event.TimestampSkew, Detail: event.DetailSkew},
		event.Verdict{Reason: event.TimestampSkew, Detail: event.DetailUnparsable}
	for _, c := range []struct {
		name, text string
		want       event.Verdict
	}{
		{"now", ms(0), good},
		{"300 000 ms old", ms(-300_000), good},
		{"300 001 ms old", ms(-300_001), skewed},
		{"300 000 ms ahead", ms(300_000), good},
		{"300 001 ms ahead", ms(300_001), skewed},
		{"the epoch", "0", skewed},
		{"seconds instead of ms", strconv.FormatInt(receivedAt.Unix(), 10), skewed},
		{"microseconds instead of ms", strconv.FormatInt(receivedAt.UnixMicro(), 10), skewed},
		{"MaxInt64", strconv.FormatInt(math.MaxInt64, 10), skewed},
		{"where Sub saturates", strconv.FormatInt(math.MaxInt64/1_000_000, 10), skewed},
		{"MaxInt64 + 1", "9223372036854775808", unparsable},
		{"MinInt64", strconv.FormatInt(math.MinInt64, 10), unparsable},
		{"20 digits", strings.Repeat("9", 20), unparsable},
		{"5,000 digits", strings.Repeat("9", 5000), unparsable},
		{"a plus", "+" + ms(0), unparsable},
		{"a minus", "-" + ms(0), unparsable},
		{"a leading zero", "0" + ms(0), unparsable},
		{"leading zeros", "00000000" + ms(0), unparsable},
		{"zeros", "00", unparsable},
		{"abc", "abc", unparsable},
		{"a fraction", ms(0) + ".0", unparsable},
		{"an exponent", "1e12", unparsable},
		{"hex", "0x1A2", unparsable},
		{"underscores", "1_795_489_200_000", unparsable},
		{"a blank before", " " + ms(0), unparsable},
		{"a blank after", ms(0) + " ", unparsable},
		{"a newline", ms(0) + "\n", unparsable},
		{"Arabic-Indic digits", "١٢٣", unparsable},
		{"full-width digits", "１２３", unparsable},
		{"RFC 3339", receivedAt.Format(time.RFC3339), unparsable},
		{"a list", ms(0) + "," + ms(0), unparsable},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Decide(set(signed(t, s, receivedAt), "X-Genesys-Timestamp", c.text), ringOf(t, s))
			if d.Verdict != c.want {
				t.Errorf("Decide with the timestamp %.40q = %+v, want %+v", c.text, d.Verdict, c.want)
			}
		})
	}
}

// TestSeconds holds the unit of a scheme that signs seconds.
func TestSeconds(t *testing.T) {
	for _, c := range []struct {
		offset time.Duration
		want   event.Verdict
	}{
		{0, event.Verdict{}},
		{300 * time.Second, event.Verdict{}},
		{-300 * time.Second, event.Verdict{}},
		{301 * time.Second, event.Verdict{Reason: event.TimestampSkew, Detail: event.DetailSkew}},
		{-301 * time.Second, event.Verdict{Reason: event.TimestampSkew, Detail: event.DetailSkew}},
	} {
		if d := Decide(signed(t, hexTimed, receivedAt.Add(c.offset)), ringOf(t, hexTimed)); d.Verdict != c.want {
			t.Errorf("Decide of what was sent at %+v = %+v, want %+v", c.offset, d.Verdict, c.want)
		}
	}
}

func TestParseUnix(t *testing.T) {
	for _, c := range []struct {
		text string
		unit signature.Unit
		want time.Time
		ok   bool
	}{
		{"0", signature.Seconds, time.Unix(0, 0), true},
		{"0", signature.Milliseconds, time.Unix(0, 0), true},
		{"1614265330", signature.Seconds, time.Unix(1614265330, 0), true},
		{"1614265330999", signature.Milliseconds, time.UnixMilli(1614265330999), true},
		{"9223372036854775807", signature.Milliseconds, time.UnixMilli(math.MaxInt64), true},
		{"", signature.Seconds, time.Time{}, false},
		{"+1", signature.Seconds, time.Time{}, false},
		{"-1", signature.Seconds, time.Time{}, false},
		{"01", signature.Seconds, time.Time{}, false},
		{"1_0", signature.Seconds, time.Time{}, false},
		{"99999999999999999999", signature.Seconds, time.Time{}, false},
	} {
		if got, ok := parseUnix(c.text, c.unit); ok != c.ok || !got.Equal(c.want) {
			t.Errorf("parseUnix(%q, %q) = %v, %v, want %v, %v", c.text, c.unit, got, ok, c.want, c.ok)
		}
	}
}

func TestSkew(t *testing.T) {
	for _, c := range []struct {
		a, b time.Time
		want time.Duration
	}{
		{receivedAt, receivedAt, 0},
		{receivedAt, receivedAt.Add(time.Second), time.Second},
		{receivedAt.Add(time.Second), receivedAt, time.Second},
		{receivedAt, time.UnixMilli(math.MaxInt64), math.MaxInt64},
		{receivedAt, time.Unix(math.MaxInt64, 0), math.MaxInt64},
		{time.UnixMilli(math.MaxInt64), time.UnixMilli(math.MinInt64), math.MaxInt64},
		{time.UnixMilli(math.MinInt64), time.UnixMilli(math.MaxInt64), math.MaxInt64},
	} {
		if got := skew(c.a, c.b); got != c.want {
			t.Errorf("skew(%v, %v) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// FuzzParseUnix holds that a time has one spelling: what is accepted prints as it was written.
func FuzzParseUnix(f *testing.F) {
	for _, s := range []string{"", "0", "1614265330999", "+1", "-1", "007", "9223372036854775807", "99999999999999999999", "１"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, seconds bool) {
		unit, print := signature.Milliseconds, time.Time.UnixMilli
		if seconds {
			unit, print = signature.Seconds, time.Time.Unix
		}
		at, ok := parseUnix(text, unit)
		n, err := strconv.ParseUint(text, 10, 63)
		if plain := err == nil && strconv.FormatUint(n, 10) == text; ok != plain {
			t.Fatalf("parseUnix(%q) = %v, want %v", text, ok, plain)
		}
		if ok && strconv.FormatInt(print(at), 10) != text {
			t.Errorf("parseUnix(%q) = %v, which is %d", text, at, print(at))
		}
	})
}
