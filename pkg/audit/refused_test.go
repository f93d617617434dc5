package audit_test

import (
	"context"
	"strings"
	"testing"

	"github.com/hookproof/hookproof/pkg/audit"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
	"github.com/hookproof/hookproof/pkg/event"
	"github.com/hookproof/hookproof/pkg/policy"
	"github.com/hookproof/hookproof/pkg/secret"
)

// TestRefused reads what is not verified, then what came since, then the newest of more than is asked for.
func TestRefused(t *testing.T) {
	d := newDesk(t)
	a := audit.New(d.bus, policy.NewStore(d.bus, secret.Resolver{}, bustest.Log(t)), bustest.Log(t))
	refused := func(after audit.Place, limit int) (reasons string, now audit.Place) {
		t.Helper()
		entries, now, err := a.Refused(context.Background(), after, limit)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, e := range entries {
			all = append(all, e.Reason)
		}
		return strings.Join(all, " "), now
	}
	none, start := refused(audit.Place{}, 10)
	if none != "" || start != (audit.Place{}) {
		t.Errorf("empty streams: %q at %v", none, start)
	}
	for _, r := range []event.Reason{event.MissingSignature, "", event.Panicked, event.SignatureMismatch, ""} {
		d.store("w", r)
	}
	got, first := refused(audit.Place{}, 10)
	if want := "SIGNATURE_MISMATCH PANIC MISSING_SIGNATURE"; got != want || first != (audit.Place{Rejected: 2, Parked: 1}) {
		t.Errorf("Refused = %q at %v, want %q", got, first, want)
	}
	if got, again := refused(first, 10); got != "" || again != first {
		t.Errorf("nothing new: %q at %v", got, again)
	}
	for range 100 {
		d.store("w", event.MissingTimestamp)
	}
	d.store("w", event.IPNotWhitelisted)
	got, last := refused(first, 3)
	if want := "IP_NOT_WHITELISTED MISSING_TIMESTAMP MISSING_TIMESTAMP"; got != want || last != (audit.Place{Rejected: 103, Parked: 1}) {
		t.Errorf("the newest three = %q at %v, want %q", got, last, want)
	}
	if got, _ := refused(audit.Place{Rejected: 1000, Parked: 1000}, 2); got != "IP_NOT_WHITELISTED MISSING_TIMESTAMP" {
		t.Errorf("streams that were made anew: %q", got)
	}
}
