package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/verifier"
)

type tailCmd struct {
	natsFlags
	What    string        `arg:"" optional:"" help:"verified, rejected or parked; default all three." enum:"verified,rejected,parked,all" default:"all"`
	Webhook string        `help:"Only this webhook." env:"HOOKPROOF_WEBHOOK" default:"*"`
	Since   time.Duration `help:"Begin so long ago instead of now." env:"HOOKPROOF_SINCE"`
	Body    bool          `help:"Print the bodies too." env:"HOOKPROOF_TAIL_BODY"`
	Exit    bool          `help:"End after the newest instead of waiting for more." env:"HOOKPROOF_TAIL_EXIT"`
}

// Help shows what --help prints below the usage.
func (tailCmd) Help() string {
	return "Examples:\n  hookproof tail rejected --since 1h\n  hookproof tail verified --webhook genesys --body"
}

// Run prints outcomes as they are stored until a signal ends it.
func (c *tailCmd) Run(ctx context.Context, p *process) error {
	b, err := bus.Connect(c.config("tail"), p.log)
	if err != nil {
		return err
	}
	defer b.Close()
	streams := map[string]string{event.Verified: bus.StreamVerified, event.Rejected: bus.StreamRejected, event.Parked: bus.StreamParked}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for root, stream := range streams {
		if c.What != "all" && c.What != root {
			continue
		}
		o := bus.ScanOptions{Subject: event.Subject(root, c.Webhook), Follow: !c.Exit, New: c.Since == 0 && !c.Exit}
		if c.Since > 0 {
			o.Since = time.Now().Add(-c.Since)
		}
		g.Go(func() error {
			return b.Scan(ctx, stream, o, func(s bus.Stored) error {
				mu.Lock()
				defer mu.Unlock()
				_, err := io.WriteString(p.stdout, tailLine(root, s, c.Body))
				return err
			})
		})
	}
	return g.Wait()
}

// tailLine is one outcome for people.
func tailLine(root string, s bus.Stored, body bool) string {
	_, webhook, _ := strings.Cut(s.Subject, ".")
	h := s.Header
	reason := h.Get(event.HeaderReason)
	if d := h.Get(event.HeaderDetail); d != "" {
		reason += " (" + d + ")"
	}
	line := fmt.Sprintf("%s %-8s %s %s %s %s", s.Time.Local().Format("15:04:05.000"), strings.ToUpper(root), webhook,
		orDash(h.Get(event.HeaderID)), orDash(h.Get(event.HeaderClientIP)), reason)
	line = strings.TrimRight(line, " ") + "\n"
	if body {
		line += fmt.Sprintf("    %q\n", s.Data)
	}
	return line
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// auditWriter returns where a verifier's audit lines go: as they are, readable, or nowhere.
func auditWriter(format string, w io.Writer) io.Writer {
	switch format {
	case "off":
		return io.Discard
	case "text":
		return readable{w}
	}
	return w
}

// readable writes audit lines for people.
type readable struct{ w io.Writer }

func (r readable) Write(b []byte) (int, error) {
	var l verifier.AuditLine
	if err := json.Unmarshal(b, &l); err != nil {
		return 0, err
	}
	reason := l.Reason
	if l.Detail != "" {
		reason += " (" + l.Detail + ")"
	}
	line := fmt.Sprintf("%s %-8s %s %s %s %s", l.Timestamp.Local().Format("15:04:05.000"), l.Status, orDash(l.Webhook), orDash(l.ID), orDash(l.SourceIP), reason)
	_, err := io.WriteString(r.w, strings.TrimRight(line, " ")+"\n")
	return len(b), err
}
