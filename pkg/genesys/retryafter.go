package genesys

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxParsedRetryAfter is the longest time that a Retry-After is taken for; it only keeps the arithmetic from overflowing.
const maxParsedRetryAfter = 365 * 24 * time.Hour

// ParseRetryAfter reads a Retry-After header (RFC 9110, section 10.2.3): whole seconds, or an HTTP date, which counts from
// date. The result is between 0 and one year. It reports false for anything else, such as a sign, a fraction or a unit.
func ParseRetryAfter(text string, date time.Time) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if isDigits(text) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil { // too many digits
			n = math.MaxInt64
		}
		return time.Duration(min(n, int64(maxParsedRetryAfter/time.Second))) * time.Second, true
	}
	t, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return min(max(0, t.Sub(date)), maxParsedRetryAfter), true
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// retryAfter reads the header of an answer; a date counts from the server's own clock where the answer tells it.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	d, _ := ParseRetryAfter(h.Get("Retry-After"), now)
	return d
}
