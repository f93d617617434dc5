package verifier

import (
	"encoding/json"
	"testing"
	"time"
)

// What is written for a verdict is what encoding/json would write, whatever a sender put into it.
func TestAuditLineIsJSON(t *testing.T) {
	at := time.Date(2026, 11, 25, 1, 2, 3, 456789000, time.UTC)
	for _, line := range []AuditLine{
		{Timestamp: at, Status: StatusVerified, SourceIP: "203.0.113.7", Webhook: "genesys", ID: "an-id", TraceID: "0123"},
		{Timestamp: at.Truncate(time.Second), Status: StatusBlocked, Reason: "TIMESTAMP_SKEW_EXCEEDED", Detail: "skew", Redelivered: true},
		{Timestamp: at, Status: StatusParked, Detail: "a \"quote\", a \\ back\nslash, <script>&, \u00e9 \u2028 \xff \x7f"},
		{},
	} {
		want, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(line.append(nil)); got != string(want)+"\n" {
			t.Errorf("line = %s, want %s", got, want)
		}
	}
}
