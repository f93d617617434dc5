package genesys_test

import (
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
)

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2025, 6, 10, 21, 3, 5, 0, time.UTC)
	for _, c := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"0", 0, true},
		{"7", 7 * time.Second, true},
		{" 7 ", 7 * time.Second, true},
		{"007", 7 * time.Second, true},
		{"7200", 2 * time.Hour, true},
		{"99999999999999999999999999", 365 * 24 * time.Hour, true},
		{"9223372036854775807", 365 * 24 * time.Hour, true},
		{"Tue, 10 Jun 2025 21:03:35 GMT", 30 * time.Second, true},
		{"Tuesday, 10-Jun-25 21:03:35 GMT", 30 * time.Second, true},
		{"Tue Jun 10 21:03:35 2025", 30 * time.Second, true},
		{"Tue, 10 Jun 2025 21:00:00 GMT", 0, true},
		{"Fri, 31 Dec 9999 23:59:59 GMT", 365 * 24 * time.Hour, true},
		{"", 0, false},
		{"-1", 0, false},
		{"+1", 0, false},
		{"1.5", 0, false},
		{"1e3", 0, false},
		{"0x10", 0, false},
		{"10s", 0, false},
		{"1 2", 0, false},
		{"١٢", 0, false},
		{"soon", 0, false},
		{"2025-06-10T21:03:35Z", 0, false},
	} {
		if got, ok := genesys.ParseRetryAfter(c.text, now); got != c.want || ok != c.ok {
			t.Errorf("ParseRetryAfter(%q) = %v, %v, want %v, %v", c.text, got, ok, c.want, c.ok)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "7", "-7", "99999999999999999999", "Tue, 10 Jun 2025 21:03:35 GMT", "Mon, 02 Jan 0001 15:04:05 GMT"} {
		f.Add(seed, int64(0))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		d, ok := genesys.ParseRetryAfter(text, time.Unix(unix, 0))
		if d < 0 || d > 365*24*time.Hour || !ok && d != 0 {
			t.Errorf("ParseRetryAfter(%q) = %v, %v", text, d, ok)
		}
	})
}
