package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// insiders are the addresses that the sender has in the tests of floods.
var insiders = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}

// forgedBody is large enough for a short flood to fill REJECTED.
var forgedBody = []byte(`{"forged":"` + strings.Repeat("x", 16<<10) + `"}`)

// flood is what came of honest requests, and of the forged ones beside them.
type flood struct {
	took   []time.Duration // of each honest request
	forged map[int]int     // how many were answered with each status
}

func (f *flood) add(g flood) {
	f.took = append(f.took, g.took...)
	if f.forged == nil {
		f.forged = map[int]int{}
	}
	for status, n := range g.forged {
		f.forged[status] += n
	}
}

// at returns a percentile of how long honest requests took.
func (f *flood) at(percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(f.took))
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

func (f *flood) String() string {
	return fmt.Sprintf("%d honest requests, p50 %v, p99 %v, slowest %v", len(f.took), f.at(50).Round(10*time.Microsecond),
		f.at(99).Round(10*time.Microsecond), slices.Max(f.took).Round(10*time.Microsecond))
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// flood sends an honest request every 25 ms for d, and beside each so many forged ones. On a machine that is too slow for that it
// takes longer, and sends as many.
func (r *rig) flood(in public, d time.Duration, forgedEach int) flood {
	r.t.Helper()
	const every = 25 * time.Millisecond
	f := flood{forged: map[int]int{}}
	var mu sync.Mutex
	var workers sync.WaitGroup
	due := make(chan int, 4*forgedEach)
	if forgedEach > 0 {
		for range 16 {
			stranger := in.client(r.t)
			workers.Go(func() {
				for n := range due {
					status := stranger.forge(n, forgedBody)
					mu.Lock()
					f.forged[status]++
					mu.Unlock()
				}
			})
		}
	}
	insider := in.client(r.t)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range int(d / every) {
		<-tick.C
		for j := range forgedEach {
			due <- i*forgedEach + j
		}
		began := time.Now()
		status, _ := insider.honest(fmt.Appendf(nil, `{"honest":%d,"salt":%d}`, i, rand.Uint64()))
		took := time.Since(began)
		if f.took = append(f.took, took); status != http.StatusOK || took > slowest {
			r.t.Errorf("an honest request = %d after %v, want 200 within %v", status, took, slowest)
		}
	}
	close(due)
	workers.Wait()
	for status := range f.forged {
		if status != http.StatusOK && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
			r.t.Errorf("%d forged requests were answered with %d", f.forged[status], status)
		}
	}
	return f
}

// remote is somebody behind the trusted proxy.
type remote struct {
	t    *testing.T
	url  string
	http *http.Client
}

func (p public) client(t *testing.T) *remote {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &remote{t, "http://" + p.listen + "/webhooks/genesys", &http.Client{Transport: transport}}
}

// honest sends a genuine request from an address of insiders.
func (s *remote) honest(body []byte) (status int, id string) {
	return s.send(signed(body), "192.0.2.1", body)
}

// forge sends a forged request, the nth, from an address that no other has.
func (s *remote) forge(n int, body []byte) (status int) {
	from := netip.AddrFrom4([4]byte{100, 64 + byte(n>>16)&0x3f, byte(n >> 8), byte(n)})
	status, _ = s.send(http.Header{"X-Genesys-Signature": {"forged"}, "X-Genesys-Timestamp": signed(nil)["X-Genesys-Timestamp"]}, from.String(), body)
	return status
}

func (s *remote) send(h http.Header, from string, body []byte) (status int, id string) {
	req, err := http.NewRequest(http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return 0, ""
	}
	h.Set("X-Forwarded-For", from)
	req.Header = h
	res, err := s.http.Do(req)
	if err != nil {
		s.t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	var answer struct{ ID string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		s.t.Error(err)
	}
	return res.StatusCode, answer.ID
}
