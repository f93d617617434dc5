package verifier

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/telemetry"
)

// AuditLine is what is written for each verdict, as one line of JSON: what a SIEM's collector tails. It is written after
// the outcome is stored, at least once; the same id may come again after a crash, then with Redelivered set.
type AuditLine struct {
	Timestamp   time.Time `json:"timestamp"` // when the outcome was stored
	Status      string    `json:"status"`    // VERIFIED, BLOCKED or PARKED
	SourceIP    string    `json:"sourceIp,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Detail      string    `json:"detail,omitempty"`
	Webhook     string    `json:"webhook,omitempty"`
	ID          string    `json:"id,omitempty"`
	TraceID     string    `json:"traceId,omitempty"`
	Redelivered bool      `json:"redelivered,omitempty"`
}

// Statuses of an AuditLine.
const (
	StatusVerified = "VERIFIED"
	StatusBlocked  = "BLOCKED"
	StatusParked   = "PARKED"
)

// Reporter tells people about verdicts: audit lines, spans and logs. It is safe for concurrent use.
type Reporter struct {
	tracer trace.Tracer
	log    *slog.Logger

	mu    sync.Mutex
	audit io.Writer
	line  []byte // the last one written; its room serves the next
}

// NewReporter returns a reporter that writes audit lines to w and logs to log.
func NewReporter(w io.Writer, tracer trace.Tracer, log *slog.Logger) *Reporter {
	return &Reporter{tracer: tracer, log: log, audit: w}
}

// stored reports an outcome that the bus holds; again says that it held it before.
func (p *Reporter) stored(ctx context.Context, g *passage, again bool) {
	line := AuditLine{Timestamp: time.Now().UTC(), Status: StatusVerified, Reason: string(g.Reason), Detail: g.Detail,
		TraceID: telemetry.TraceID(ctx), Redelivered: again}
	switch g.verdict() {
	case event.Rejected:
		line.Status = StatusBlocked
	case event.Parked:
		line.Status = StatusParked
		p.log.ErrorContext(ctx, "message parked", "reason", g.Reason, "detail", telemetry.Clip(g.Detail), "subject", g.Msg.Subject, "sequence", g.Sequence)
	}
	if r := g.request; r != nil {
		line.Webhook, line.ID = r.Webhook, r.ID
		if r.ClientIP.IsValid() {
			line.SourceIP = r.ClientIP.String()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = line.append(p.line[:0])
	if _, err := p.audit.Write(p.line); err != nil {
		p.log.ErrorContext(ctx, "audit line not written", "id", line.ID, "error", err)
	}
}

// append appends the line as encoding/json writes it, and a line feed. Reflection costs ten times as much, for each event.
func (l AuditLine) append(b []byte) []byte {
	b = append(b, `{"timestamp":"`...)
	b = l.Timestamp.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","status":`...)
	b = appendJSON(b, l.Status)
	for _, f := range [...]struct{ name, value string }{
		{"sourceIp", l.SourceIP}, {"reason", l.Reason}, {"detail", l.Detail}, {"webhook", l.Webhook}, {"id", l.ID}, {"traceId", l.TraceID},
	} {
		if f.value != "" {
			b = append(append(append(b, `,"`...), f.name...), `":`...)
			b = appendJSON(b, f.value)
		}
	}
	if l.Redelivered {
		b = append(b, `,"redelivered":true`...)
	}
	return append(b, "}\n"...)
}

// appendJSON appends a string as JSON.
func appendJSON(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always can be
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
