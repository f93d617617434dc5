// Package audit answers what auditors ask of the pool: how many requests were verified and blocked, by which rules, and
// which. The answers come from the streams and from the live policies, so they hold for every verifier and over restarts.
// It changes nothing, and it never shows a body or a header of a request.
//
//	GET /webhooks/audit/metrics?since=24h   Metrics: counts of all time, and since a while ago by webhook and reason
//	GET /webhooks/audit/log                 Summary: what is enforced now, and where the entries are
//	GET /webhooks/audit/log?limit=50        Page: the outcomes themselves, newest first
//
// Any of these parameters asks for a Page, and all may go together:
//
//	since    a duration before now such as 90m, or a time in RFC 3339; default: as far as the streams reach
//	webhook  only this webhook's
//	reason   only this reason's, of a rejection or of parking
//	limit    entries a page, 1 to 1000; default 50
//	cursor   where the former page ended: its "next" has it
//
// A page's "next" is the address of the page after it; without one it is the last. A page may hold fewer entries than the
// limit, or none, and still have a next one: a page looks at a bounded number of messages. The cursor names places in the
// streams, so outcomes that are stored meanwhile shift nothing; since is resolved on the first page and rides in the cursor.
// A parameter that is wrong, unknown or repeated is answered with 400 and {"error": its name, "message": what is wrong}.
package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/hookproof/hookproof/pkg/admin"
	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
)

const (
	// DefaultSince is the period that counts by webhook and reason cover.
	DefaultSince = 24 * time.Hour
	// scanTime bounds a scan; what it has counted by then is returned, marked as partial.
	scanTime = 10 * time.Second
)

// Audit serves the audit endpoints. It is safe for concurrent use.
type Audit struct {
	bus      *bus.Bus
	policies *policy.Store
	log      *slog.Logger
}

// New returns the endpoints over a bus and the live policies.
func New(b *bus.Bus, policies *policy.Store, log *slog.Logger) *Audit {
	return &Audit{b, policies, log}
}

// Mount adds the endpoints to the admin listener, as private: they tell who sends, and what was refused.
func (a *Audit) Mount(s *admin.Server) {
	s.HandlePrivate("GET /webhooks/audit/metrics", http.HandlerFunc(a.serveMetrics))
	s.HandlePrivate("GET "+logPath, http.HandlerFunc(a.serveLog))
}

// Metrics is the answer of /webhooks/audit/metrics. The first counts are of all time: the last sequences of the streams,
// which grow by one for each outcome and never fall. Those under Since are counted message by message.
type Metrics struct {
	SuccessRate       string        `json:"successRate"` // verified of all outcomes, such as "98.50%"; "n/a" before the first
	VerifiedCount     uint64        `json:"verifiedCount"`
	BlockedCount      uint64        `json:"blockedCount"`
	LastBlockedReason string        `json:"lastBlockedReason"` // empty when nothing was blocked
	AuditTimestamp    time.Time     `json:"auditTimestamp"`
	Since             *PeriodCounts `json:"since"`
}

// PeriodCounts counts outcomes since a time.
type PeriodCounts struct {
	From     time.Time                 `json:"from"`
	Partial  bool                      `json:"partial,omitempty"` // the scan was cut short; the counts are too low
	Webhooks map[string]*WebhookCounts `json:"webhooks"`
}

// WebhookCounts counts the outcomes of one webhook.
type WebhookCounts struct {
	Verified uint64            `json:"verified"`
	Blocked  uint64            `json:"blocked"`
	Reasons  map[string]uint64 `json:"reasons"`
}

func (a *Audit) serveMetrics(w http.ResponseWriter, r *http.Request) {
	since, err := parseSince(r.URL.Query().Get("since"))
	if err != nil {
		admin.WriteJSON(w, http.StatusBadRequest, map[string]string{"error": "since", "message": err.Error()})
		return
	}
	m, err := a.Metrics(r.Context(), time.Now().Add(-since))
	if err != nil {
		a.log.WarnContext(r.Context(), "audit metrics", "error", err)
		admin.WriteJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "unavailable", "message": "the streams cannot be read now"})
		return
	}
	admin.WriteJSON(w, http.StatusOK, m)
}

func parseSince(text string) (time.Duration, error) {
	if text == "" {
		return DefaultSince, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("since: %.32q is not a positive duration such as 24h or 90m", text)
	}
	return d, nil
}

// Metrics counts outcomes, those since from by webhook and reason.
func (a *Audit) Metrics(ctx context.Context, from time.Time) (Metrics, error) {
	verified, err := a.bus.State(ctx, bus.StreamVerified, "")
	if err != nil {
		return Metrics{}, err
	}
	rejected, err := a.bus.State(ctx, bus.StreamRejected, "")
	if err != nil {
		return Metrics{}, err
	}
	m := Metrics{SuccessRate: rate(verified.LastSequence, rejected.LastSequence), VerifiedCount: verified.LastSequence,
		BlockedCount: rejected.LastSequence, AuditTimestamp: time.Now().UTC()}
	last, err := a.bus.Last(ctx, bus.StreamRejected, event.Subject(event.Rejected, "*"))
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return Metrics{}, err
	}
	m.LastBlockedReason = last.Header.Get(event.HeaderReason)
	m.Since, err = a.count(ctx, from)
	return m, err
}

func rate(verified, blocked uint64) string {
	if verified+blocked == 0 {
		return "n/a"
	}
	return fmt.Sprintf("%.2f%%", 100*float64(verified)/float64(verified+blocked))
}

// count walks back through the streams. It makes no consumer, because a verifier may not in production.
func (a *Audit) count(ctx context.Context, from time.Time) (*PeriodCounts, error) {
	ctx, cancel := context.WithTimeout(ctx, scanTime)
	defer cancel()
	c := &PeriodCounts{From: from.UTC(), Webhooks: map[string]*WebhookCounts{}}
	for _, s := range []source{{stream: bus.StreamVerified, root: event.Verified}, {stream: bus.StreamRejected, root: event.Rejected}} {
		err := a.countSource(ctx, c, s, from)
		if ctx.Err() != nil {
			c.Partial = true
			return c, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// countSource counts one stream, the newest message first.
func (a *Audit) countSource(ctx context.Context, c *PeriodCounts, s source, from time.Time) error {
	w, err := newWalk(ctx, a.bus, s, event.Subject(s.root, "*"), position{since: from})
	if err != nil {
		return err
	}
	for {
		m, err := w.newest(ctx)
		if m == nil || err != nil {
			return err
		}
		c.add(s.root, *m)
		w.take()
	}
}

func (c *PeriodCounts) add(root string, s bus.Stored) {
	webhook := s.Subject[len(root)+1:]
	w := c.Webhooks[webhook]
	if w == nil {
		w = &WebhookCounts{Reasons: map[string]uint64{}}
		c.Webhooks[webhook] = w
	}
	if root == event.Verified {
		w.Verified++
		return
	}
	w.Blocked++
	w.Reasons[s.Header.Get(event.HeaderReason)]++
}
