package genesys_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/genesys"
	"github.com/hookproof/hookproof/pkg/genesys/genesystest"
)

func TestListsHaveAllPages(t *testing.T) {
	for _, c := range []struct{ entries, pageSize, calls int }{
		{0, 100, 1}, {1, 100, 1}, {100, 100, 1}, {101, 100, 2}, {7, 3, 3}, {9, 3, 3},
	} {
		t.Run(fmt.Sprintf("%d by %d", c.entries, c.pageSize), func(t *testing.T) {
			inWorld(t, genesystest.Config{MaxPageSize: c.pageSize}, nil, func(t *testing.T, w world) {
				for range c.entries {
					w.sim.AddWebhook(webhook())
					w.sim.AddIntegration(integration())
				}
				webhooks, errW := w.client.ListWebhooks(t.Context())
				integrations, errI := w.client.ListIntegrations(t.Context())
				if len(webhooks) != c.entries || len(integrations) != c.entries || errW != nil || errI != nil {
					t.Errorf("%d and %d entries, errors %v and %v, want %d", len(webhooks), len(integrations), errW, errI, c.entries)
				}
				calls := w.sim.State().Calls
				if calls["ListWebhooks"] != c.calls || calls["ListIntegrations"] != c.calls {
					t.Errorf("calls %v, want %d each", calls, c.calls)
				}
			})
		})
	}
}

func TestFindByName(t *testing.T) {
	inWorld(t, genesystest.Config{MaxPageSize: 2}, nil, func(t *testing.T, w world) {
		var want []string
		for _, name := range []string{"other", "wanted", "wanted ", "Wanted", "wanted", "wanted2", "wanted"} {
			h, o := webhook(), integration()
			h.Name, o.Name = name, name
			id := w.sim.AddWebhook(h).ID
			w.sim.AddIntegration(o)
			if name == "wanted" {
				want = append(want, id)
			}
			time.Sleep(time.Second)
		}
		webhooks, errW := w.client.FindWebhooksByName(t.Context(), "wanted")
		integrations, errI := w.client.FindIntegrationsByName(t.Context(), "wanted")
		var got []string
		for _, h := range webhooks {
			got = append(got, h.ID)
		}
		if !slices.Equal(got, want) || len(integrations) != len(want) || errors.Join(errW, errI) != nil {
			t.Errorf("found %v and %d integrations, errors %v, %v; want %v, the oldest first", got, len(integrations), errW, errI, want)
		}
	})
}

// TestListsThatAreNone shows that an answer which is no whole list never passes for one: a caller would create what is
// already there.
func TestListsThatAreNone(t *testing.T) {
	for _, c := range []struct {
		name string
		page func(number string) string
		want error
		len  int
	}{
		{"empty object", func(string) string { return `{}` }, genesys.ErrMalformed, 0},
		{"null", func(string) string { return `{"entities":null}` }, genesys.ErrMalformed, 0},
		{"fewer than announced", func(string) string { return `{"entities":[{"id":"a"}],"total":2,"pageCount":1}` }, genesys.ErrMalformed, 0},
		{"the same page again", func(string) string { return `{"entities":[{"id":"a"}],"total":2,"pageCount":2}` }, genesys.ErrMalformed, 0},
		{"never ends", func(n string) string { return `{"entities":[{"id":"a` + n + `"}],"nextUri":"/api/v2/next"}` }, genesys.ErrMalformed, 0},
		{"an entry on two pages", func(n string) string {
			return map[string]string{"1": `{"entities":[{"id":"a"},{"id":"b"}],"total":3,"pageCount":2}`, "2": `{"entities":[{"id":"b"},{"id":"c"}],"total":3,"pageCount":2}`}[n]
		}, nil, 3},
		{"no counts, nextUri only", func(n string) string {
			return map[string]string{"1": `{"entities":[{"id":"a"}],"nextUri":"https://evil.example/"}`, "2": `{"entities":[{"id":"b"}]}`}[n]
		}, nil, 2},
		{"no counts at all", func(string) string { return `{"entities":[{"id":"a"}]}` }, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			handler := func(w http.ResponseWriter, r *http.Request) { writeJSON(w, c.page(r.URL.Query().Get("pageNumber"))) }
			inFront(t, handler, func(t *testing.T, client *genesys.Client) {
				list, err := client.ListWebhooks(t.Context())
				if !errors.Is(err, c.want) || len(list) != c.len {
					t.Errorf("ListWebhooks = %d entries, %v; want %d, %v", len(list), err, c.len, c.want)
				}
			})
		})
	}
}

func TestIPRanges(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"documented", `{"entities":[
			{"cidr":"203.0.113.0/24","service":"open-messaging","region":"us-east-1","direction":"both"},
			{"cidr":"198.51.100.7/32","service":"open-messaging","region":"us-east-1","direction":"outbound"},
			{"cidr":"2001:db8::/48","service":"open-messaging","region":"us-east-1"},
			{"cidr":"192.0.2.0/24","service":"open-messaging","region":"us-east-1","direction":"inbound"},
			{"cidr":"192.0.2.0/24","service":"data-actions","region":"us-east-1","direction":"both"},
			{"cidr":"not one","service":"data-actions","region":"us-east-1","direction":"both"},
			{"cidr":"198.51.100.7/32","service":"open-messaging","region":"us-east-2","direction":"outbound"}]}`,
			"[198.51.100.7/32 203.0.113.0/24 2001:db8::/48]"},
		{"host bits", `{"entities":[{"cidr":"203.0.113.9/24","service":"open-messaging"}]}`, "[203.0.113.0/24]"},
		{"empty", `{"entities":[]}`, ""},
		{"nothing", `{}`, ""},
		{"no such service", `{"entities":[{"cidr":"203.0.113.0/24","service":"data-actions"}]}`, ""},
		{"inbound only", `{"entities":[{"cidr":"203.0.113.0/24","service":"open-messaging","direction":"inbound"}]}`, ""},
		{"one that is none", `{"entities":[{"cidr":"203.0.113.0/24","service":"open-messaging"},{"cidr":"203.0.113.300/24","service":"open-messaging"}]}`, ""},
		{"no mask", `{"entities":[{"cidr":"203.0.113.1","service":"open-messaging"}]}`, ""},
		{"everything", `{"entities":[{"cidr":"0.0.0.0/0","service":"open-messaging"}]}`, ""},
		{"mapped", `{"entities":[{"cidr":"::ffff:203.0.113.0/120","service":"open-messaging"}]}`, ""},
		{"leading zero", `{"entities":[{"cidr":"203.0.113.045/32","service":"open-messaging"}]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inFront(t, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, c.body) }, func(t *testing.T, client *genesys.Client) {
				got, err := client.IPRanges(t.Context(), genesys.ServiceOpenMessaging)
				if c.want == "" && (!errors.Is(err, genesys.ErrMalformed) || got != nil) {
					t.Errorf("IPRanges = %v, %v, want none and a malformed answer", got, err)
				}
				if c.want != "" && (fmt.Sprint(got) != c.want || err != nil) {
					t.Errorf("IPRanges = %v, %v, want %v", got, err, c.want)
				}
			})
		})
	}
}

// TestClientStaysBelowTheLimit sends for three minutes as fast as it may: the simulator, which allows 300 requests a
// minute, never answers 429, and no minute has more than were configured.
func TestClientStaysBelowTheLimit(t *testing.T) {
	inWorld(t, genesystest.Config{}, nil, func(t *testing.T, w world) {
		var times []time.Time
		for start := time.Now(); time.Since(start) < 3*time.Minute; times = append(times, time.Now()) {
			if err := get(t.Context(), w.client); err != nil {
				t.Fatal(err)
			}
		}
		if calls := w.sim.State().Calls["ListWebhooks"]; calls != len(times) || calls < 3*243 {
			t.Errorf("%d calls were sent for %d, want as many, and no fewer than %d", calls, len(times), 3*243)
		}
		for i := range times {
			j, _ := slices.BinarySearchFunc(times, times[i].Add(time.Minute), time.Time.Compare)
			if j-i > 271 {
				t.Fatalf("%d calls in one minute", j-i)
			}
		}
	})
}

func TestRateLimitGivesUpWithTheContext(t *testing.T) {
	slowly := func(c *genesys.Config) { c.RequestsPerMinute = 1 }
	inWorld(t, genesystest.Config{}, slowly, func(t *testing.T, w world) {
		ctx, cancel := contextFor(t, 10*time.Second)
		defer cancel()
		first := get(ctx, w.client)
		second := get(ctx, w.client)
		if first != nil || second == nil || !strings.Contains(second.Error(), "rate limit") || genesys.IsAmbiguous(second) {
			t.Errorf("errors %v and %v, want none and the rate limit", first, second)
		}
	})
}
