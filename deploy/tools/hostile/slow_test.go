package hostile

import (
	"bytes"
	"context"
	"encoding/csv"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// connections is how many slow connections are held at once.
const connections = 300

// TestSlow holds 300 slow connections against hookproof all, and sends it honest requests all the while. Every one of the 300 must
// be closed by the server within the time that its time-outs allow.
func TestSlow(t *testing.T) {
	binary := build(t)
	for _, c := range []struct {
		name   string
		args   []string
		within time.Duration // the server's time-out and 20 s for a busy machine
	}{
		{"headers", []string{"-H", "-i", "1"}, 5*time.Second + 20*time.Second},
		{"body", []string{"-B", "-i", "1", "-s", "8192"}, 10*time.Second + 20*time.Second},
		// What is answered fits into the buffers of the sockets, so that the server waits for the next request, 60 s.
		{"read", []string{"-X", "-k", "10", "-w", "1", "-y", "64", "-n", "1", "-z", "64"}, 60*time.Second + 20*time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, binary)
			before := s.descriptors(t)
			ctx, stop := context.WithCancel(t.Context())
			honest := make(chan int)
			go func() { honest <- s.honest(ctx, t) }()
			began := time.Now()
			report := slowhttptest(t, append(c.args, "-c", strconv.Itoa(connections), "-r", strconv.Itoa(connections),
				"-l", strconv.Itoa(int(c.within.Seconds())), "-t", "POST", "-u", s.url))
			took := time.Since(began)
			stop()
			answered := <-honest
			if report.most < connections*9/10 {
				t.Errorf("%d connections were open at once, want about %d: the attack did not even begin", report.most, connections)
			}
			if !report.available || answered < 10 {
				t.Errorf("available all the while: %v, %d honest requests answered", report.available, answered)
			}
			if report.end != "No open connections left" {
				t.Errorf("after %s: %q, want every connection closed by the server", took, report.end)
			}
			deadline := time.Now().Add(10 * time.Second)
			for s.descriptors(t) > before+10 {
				if time.Now().After(deadline) {
					t.Fatalf("the server holds %v descriptors, %v before", s.descriptors(t), before)
				}
				time.Sleep(100 * time.Millisecond)
			}
			t.Logf("%d connections at once, all closed after %s; %d honest requests answered meanwhile", report.most, took.Round(time.Second), answered)
		})
	}
}

// report is what slowhttptest says.
type report struct {
	most      int    // connections that were open at once
	available bool   // its own probes were answered each second
	end       string // why it ended
}

var endOfTest = regexp.MustCompile(`Exit status: ?(?:\x1b\[[0-9;]*m)*([A-Za-z ]+)`)

func slowhttptest(t *testing.T, args []string) (r report) {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "report")
	out, err := exec.CommandContext(t.Context(), "slowhttptest", append(args, "-g", "-o", prefix, "-v", "1")...).CombinedOutput()
	if err != nil {
		t.Fatalf("slowhttptest: %v (make test-hostile installs it)\n%s", err, out)
	}
	end := endOfTest.FindSubmatch(out)
	if end == nil {
		t.Fatalf("slowhttptest did not say why it ended:\n%s", out)
	}
	r.end, r.available = strings.TrimSpace(string(end[1])), true
	text, err := os.ReadFile(prefix + ".csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(rows) < 2 || strings.Join(rows[0], ",") != "Seconds,Closed,Pending,Connected,Service Available" {
		t.Fatalf("the report = %q, %v", text, err)
	}
	for _, row := range rows[1:] {
		connected, err := strconv.Atoi(row[3])
		if err != nil {
			t.Fatal(err)
		}
		r.most = max(r.most, connected)
		r.available = r.available && row[4] != "0"
	}
	return r
}

// honest sends honest requests until ctx ends, and returns how many were answered with 200. Any other answer fails the test.
func (s *server) honest(ctx context.Context, t *testing.T) (answered int) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		res, err := client.Do(signed(t, s.url))
		if err != nil {
			t.Errorf("an honest request: %v", err)
			return answered
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("an honest request = %d, want 200", res.StatusCode)
			return answered
		}
		answered++
		time.Sleep(20 * time.Millisecond)
	}
	return answered
}
