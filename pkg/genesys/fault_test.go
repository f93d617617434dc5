package genesys_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
)

// A faultCase is one line of the table: what goes wrong, and what the client makes of it.
type faultCase struct {
	name      string
	fault     genesystest.Fault
	calls     int // requests for the operation
	status    int // of the error; with no error at all, 0
	is        error
	fails     bool
	ambiguous bool
	temporary bool
	created   int                              // how many there are afterwards, for creations
	waits     [2]time.Duration                 // bounds of the time taken, where it matters
	also      func(*testing.T, *genesys.Error) // more about the error
}

func TestReadsUnderFaults(t *testing.T) {
	for _, c := range []faultCase{
		{name: "429, seconds", fault: genesystest.Fault{Kind: genesystest.RateLimited, RetryAfter: "2"}, calls: 2, waits: exactly(2 * time.Second)},
		{name: "429, date", fault: genesystest.Fault{Kind: genesystest.RateLimited, RetryAfter: "Sat, 01 Jan 2000 00:00:07 GMT"}, calls: 2, waits: exactly(7 * time.Second)},
		{name: "429, date in the past", fault: genesystest.Fault{Kind: genesystest.RateLimited, RetryAfter: "Sat, 01 Jan 1999 00:00:00 GMT"}, calls: 2, waits: jitter(1)},
		{name: "429, no header", fault: genesystest.Fault{Kind: genesystest.RateLimited}, calls: 2, waits: jitter(1)},
		{name: "429, garbage", fault: genesystest.Fault{Kind: genesystest.RateLimited, RetryAfter: "soon"}, calls: 2, waits: jitter(1)},
		{name: "429, at the cap", fault: genesystest.Fault{Kind: genesystest.RateLimited, RetryAfter: "60"}, calls: 2, waits: exactly(time.Minute)},
		{name: "429, hours", fault: genesystest.Fault{Kind: genesystest.RateLimited, RetryAfter: "7200"}, calls: 1,
			fails: true, status: 429, temporary: true, waits: exactly(0), also: retryAfter(2 * time.Hour)},
		{name: "429 for ever", fault: genesystest.Fault{Kind: genesystest.RateLimited, Times: -1}, calls: 5, fails: true, status: 429, temporary: true},
		{name: "500", fault: genesystest.Fault{Kind: genesystest.ServerError}, calls: 2, waits: jitter(1)},
		{name: "500 twice", fault: genesystest.Fault{Kind: genesystest.ServerError, Times: 2}, calls: 3, waits: jitter(3)},
		{name: "503, seconds", fault: genesystest.Fault{Kind: genesystest.ServerError, Status: 503, RetryAfter: "3"}, calls: 2, waits: exactly(3 * time.Second)},
		{name: "500 for ever", fault: genesystest.Fault{Kind: genesystest.ServerError, Times: -1}, calls: 5, fails: true, status: 500, temporary: true},
		{name: "408", fault: genesystest.Fault{Kind: genesystest.ServerError, Status: 408}, calls: 2},
		{name: "400", fault: genesystest.Fault{Kind: genesystest.ServerError, Status: 400}, calls: 1, fails: true, status: 400},
		{name: "404", fault: genesystest.Fault{Kind: genesystest.ServerError, Status: 404}, calls: 1, fails: true, status: 404, also: notFound},
		{name: "reset", fault: genesystest.Fault{Kind: genesystest.Reset}, calls: 2},
		{name: "slow", fault: genesystest.Fault{Kind: genesystest.Slow, Delay: 5 * time.Minute}, calls: 2,
			waits: [2]time.Duration{30 * time.Second, 31 * time.Second}},
		{name: "slow for ever", fault: genesystest.Fault{Kind: genesystest.Slow, Delay: time.Hour, Times: -1}, calls: 5,
			fails: true, temporary: true, is: genesys.ErrTimeout},
		{name: "slow but in time", fault: genesystest.Fault{Kind: genesystest.Slow, Delay: 20 * time.Second}, calls: 1, waits: exactly(20 * time.Second)},
		{name: "half an answer", fault: genesystest.Fault{Kind: genesystest.HalfAnswer}, calls: 2, waits: jitter(1)},
		{name: "half an answer for ever", fault: genesystest.Fault{Kind: genesystest.HalfAnswer, Times: -1}, calls: 5,
			fails: true, status: 200, temporary: true, is: genesys.ErrMalformed},
		{name: "half JSON for ever", fault: genesystest.Fault{Kind: genesystest.HalfJSON, Times: -1}, calls: 5,
			fails: true, status: 200, temporary: true, is: genesys.ErrMalformed},
		{name: "HTML", fault: genesystest.Fault{Kind: genesystest.HTML}, calls: 2, waits: jitter(1)},
		{name: "HTML for ever", fault: genesystest.Fault{Kind: genesystest.HTML, Times: -1}, calls: 5,
			fails: true, status: 200, temporary: true, is: genesys.ErrMalformed},
		{name: "HTML with 502", fault: genesystest.Fault{Kind: genesystest.HTML, Status: 502, Times: -1}, calls: 5, fails: true, status: 502, temporary: true},
		{name: "expired token", fault: genesystest.Fault{Kind: genesystest.ExpiredToken}, calls: 2, waits: exactly(0)},
		{name: "expired tokens", fault: genesystest.Fault{Kind: genesystest.ExpiredToken, Times: -1}, calls: 2, fails: true, status: 401},
		{name: "missing scope", fault: genesystest.Fault{Kind: genesystest.MissingScope}, calls: 1,
			fails: true, status: 403, also: missing("integrations:webhook:read")},
		{name: "redirect", fault: genesystest.Fault{Kind: genesystest.Redirect, Location: "https://evil.example/"}, calls: 1,
			fails: true, status: 307, is: genesys.ErrRedirect},
		{name: "lost answer", fault: genesystest.Fault{Kind: genesystest.LostAnswer}, calls: 2},
		{name: "gateway time-out", fault: genesystest.Fault{Kind: genesystest.GatewayTimeout}, calls: 2, waits: jitter(1)},
	} {
		c.fault.Op = "GetWebhook"
		t.Run(c.name, func(t *testing.T) {
			c.run(t, func(ctx context.Context, w world) error {
				_, err := w.client.GetWebhook(ctx, w.sim.AddWebhook(webhook()).ID)
				return err
			})
		})
	}
}

func TestCreationsUnderFaults(t *testing.T) {
	for _, c := range []faultCase{
		{name: "none", fault: genesystest.Fault{Op: "other", Kind: genesystest.Reset}, calls: 1, created: 1},
		{name: "429", fault: genesystest.Fault{Kind: genesystest.RateLimited, RetryAfter: "2"}, calls: 2, created: 1, waits: exactly(2 * time.Second)},
		{name: "429 twice, no header", fault: genesystest.Fault{Kind: genesystest.RateLimited, Times: 2}, calls: 3, created: 1, waits: jitter(3)},
		{name: "429, hours", fault: genesystest.Fault{Kind: genesystest.RateLimited, RetryAfter: "7200"}, calls: 1,
			fails: true, status: 429, temporary: true, also: retryAfter(2 * time.Hour)},
		{name: "500", fault: genesystest.Fault{Kind: genesystest.ServerError}, calls: 1, fails: true, status: 500, ambiguous: true, temporary: true},
		{name: "503, seconds", fault: genesystest.Fault{Kind: genesystest.ServerError, Status: 503, RetryAfter: "1"}, calls: 1,
			fails: true, status: 503, ambiguous: true, temporary: true, also: retryAfter(time.Second)},
		{name: "gateway time-out", fault: genesystest.Fault{Kind: genesystest.GatewayTimeout}, calls: 1, created: 1,
			fails: true, status: 504, ambiguous: true, temporary: true},
		{name: "reset", fault: genesystest.Fault{Kind: genesystest.Reset}, calls: 1, fails: true, ambiguous: true, temporary: true},
		{name: "lost answer", fault: genesystest.Fault{Kind: genesystest.LostAnswer}, calls: 1, created: 1,
			fails: true, ambiguous: true, temporary: true},
		{name: "half an answer", fault: genesystest.Fault{Kind: genesystest.HalfAnswer}, calls: 1, created: 1,
			fails: true, status: 200, ambiguous: true, temporary: true, is: genesys.ErrMalformed},
		{name: "half JSON", fault: genesystest.Fault{Kind: genesystest.HalfJSON}, calls: 1, created: 1,
			fails: true, status: 200, ambiguous: true, temporary: true, is: genesys.ErrMalformed},
		{name: "HTML", fault: genesystest.Fault{Kind: genesystest.HTML}, calls: 1,
			fails: true, status: 200, ambiguous: true, temporary: true, is: genesys.ErrMalformed},
		{name: "slow", fault: genesystest.Fault{Kind: genesystest.Slow, Delay: time.Hour}, calls: 1, created: 1,
			fails: true, ambiguous: true, temporary: true, is: genesys.ErrTimeout, waits: exactly(30 * time.Second)},
		{name: "expired token", fault: genesystest.Fault{Kind: genesystest.ExpiredToken}, calls: 2, created: 1},
		{name: "missing scope", fault: genesystest.Fault{Kind: genesystest.MissingScope}, calls: 1,
			fails: true, status: 403, also: missing("integrations:webhook:write")},
		{name: "redirect", fault: genesystest.Fault{Kind: genesystest.Redirect, Location: "/elsewhere", Status: 308}, calls: 1,
			fails: true, status: 308, is: genesys.ErrRedirect},
		{name: "no token, reset", fault: genesystest.Fault{Op: "Token", Kind: genesystest.Reset}, calls: 1, created: 1},
		{name: "no token, 500", fault: genesystest.Fault{Op: "Token", Kind: genesystest.ServerError}, calls: 1, created: 1, waits: jitter(1)},
		{name: "no token, HTML", fault: genesystest.Fault{Op: "Token", Kind: genesystest.HTML}, calls: 1, created: 1, waits: jitter(1)},
		{name: "no token, 429", fault: genesystest.Fault{Op: "Token", Kind: genesystest.RateLimited, RetryAfter: "9"}, calls: 1, created: 1,
			waits: exactly(9 * time.Second)},
		{name: "no token, 500 for ever", fault: genesystest.Fault{Op: "Token", Kind: genesystest.ServerError, Times: -1},
			fails: true, status: 500, temporary: true},
		{name: "no token, slow for ever", fault: genesystest.Fault{Op: "Token", Kind: genesystest.Slow, Delay: time.Hour, Times: -1},
			fails: true, temporary: true, is: genesys.ErrTimeout},
		{name: "no token, 401", fault: genesystest.Fault{Op: "Token", Kind: genesystest.ServerError, Status: 401, Times: -1}, fails: true, status: 401},
	} {
		if c.fault.Op == "" {
			c.fault.Op = "CreateWebhook"
		}
		t.Run(c.name, func(t *testing.T) {
			c.run(t, func(ctx context.Context, w world) error {
				_, err := w.client.CreateWebhook(ctx, webhook())
				return err
			})
		})
	}
}

func (c faultCase) run(t *testing.T, call func(context.Context, world) error) {
	inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
		w.sim.Inject(c.fault)
		var err error
		took := elapsed(func() { err = call(t.Context(), w) })
		synctest.Wait() // for an effect that comes after the answer was given up
		op := "CreateWebhook"
		if c.fault.Op == "GetWebhook" {
			op = c.fault.Op
		}
		state := w.sim.State()
		if state.Calls[op] != c.calls || state.Created["webhook"] != c.created {
			t.Errorf("%d calls and %d creations, want %d and %d", state.Calls[op], state.Created["webhook"], c.calls, c.created)
		}
		if c.waits[1] > 0 && (took < c.waits[0] || took > c.waits[1]) {
			t.Errorf("it took %v, want between %v and %v", took, c.waits[0], c.waits[1])
		}
		c.checkError(t, err)
	})
}

func (c faultCase) checkError(t *testing.T, err error) {
	t.Helper()
	if !c.fails {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	e, ok := errors.AsType[*genesys.Error](err)
	if !ok {
		t.Fatalf("error %v, want a *genesys.Error", err)
	}
	if e.Status != c.status || e.Ambiguous() != c.ambiguous || e.Temporary() != c.temporary {
		t.Errorf("%v: status %d, ambiguous %v, temporary %v; want %d, %v, %v",
			e, e.Status, e.Ambiguous(), e.Temporary(), c.status, c.ambiguous, c.temporary)
	}
	if c.is != nil && !errors.Is(err, c.is) {
		t.Errorf("error %v, want one that is %v", err, c.is)
	}
	if c.also != nil {
		c.also(t, e)
	}
}

// exactly allows no more than the client's one nanosecond of rounding.
func exactly(d time.Duration) [2]time.Duration { return [2]time.Duration{d, d + time.Microsecond} }

// jitter is the time that n doubling pauses of at most 500 ms may take, given as 1 for one pause and 3 for two.
func jitter(n int) [2]time.Duration {
	return [2]time.Duration{1, time.Duration(n) * 501 * time.Millisecond}
}

func retryAfter(want time.Duration) func(*testing.T, *genesys.Error) {
	return func(t *testing.T, e *genesys.Error) {
		if e.RetryAfter != want {
			t.Errorf("RetryAfter %v, want %v", e.RetryAfter, want)
		}
	}
}

func missing(scope string) func(*testing.T, *genesys.Error) {
	return func(t *testing.T, e *genesys.Error) {
		if e.MissingScope() != scope {
			t.Errorf("MissingScope %q, want %q", e.MissingScope(), scope)
		}
	}
}

func notFound(t *testing.T, e *genesys.Error) {
	if !e.IsNotFound() || !genesys.IsNotFound(e) {
		t.Errorf("IsNotFound %v, want true", e.IsNotFound())
	}
}

// TestRepeatableWrites shows that a lost answer to a write that can be repeated is made up for by repeating it.
func TestRepeatableWrites(t *testing.T) {
	for _, c := range []struct {
		op    string
		write func(context.Context, world, string) error
	}{
		{"UpdateWebhook", func(ctx context.Context, w world, id string) error {
			h := webhook()
			h.ID = id
			_, err := w.client.UpdateWebhook(ctx, h)
			return err
		}},
		{"DeleteWebhook", func(ctx context.Context, w world, id string) error { return w.client.DeleteWebhook(ctx, id) }},
		{"TestWebhook", func(ctx context.Context, w world, id string) error {
			_, err := w.client.TestWebhook(ctx, id)
			return err
		}},
	} {
		for _, kind := range []genesystest.Kind{
			genesystest.LostAnswer, genesystest.HalfAnswer, genesystest.GatewayTimeout, genesystest.ServerError,
			genesystest.Reset, genesystest.RateLimited, genesystest.HTML, genesystest.ExpiredToken,
		} {
			t.Run(c.op+" "+string(kind), func(t *testing.T) {
				target := genesystest.Config{TargetClient: &http.Client{Transport: accepting{}}}
				inWorld(t, target, nil, func(t *testing.T, w world) {
					id := w.sim.AddWebhook(webhook()).ID
					w.sim.Inject(genesystest.Fault{Op: c.op, Kind: kind})
					err := c.write(t.Context(), w, id)
					calls, want := w.sim.State().Calls[c.op], 2
					if kind == genesystest.HalfAnswer && c.op == "DeleteWebhook" {
						want = 1 // 204 has no second half
					}
					if err != nil || calls != want {
						t.Errorf("%d calls, error %v; want %d and none", calls, err, want)
					}
				})
			})
		}
	}
}

// accepting is a target that accepts everything.
type accepting struct{}

func (accepting) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, nil
}

// TestDeleteTwice shows that a webhook which somebody else deleted is reported as such.
func TestDeleteTwice(t *testing.T) {
	inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
		id := mustCreate(t, w.client).ID
		if err := w.client.DeleteWebhook(t.Context(), id); err != nil {
			t.Error(err)
		}
		if err := w.client.DeleteWebhook(t.Context(), id); !genesys.IsNotFound(err) {
			t.Errorf("second DeleteWebhook = %v, want not found", err)
		}
	})
}
