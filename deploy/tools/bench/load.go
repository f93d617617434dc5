package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// answerWithin bounds the wait for one answer.
const answerWithin = 15 * time.Second

// load is what came of a number of requests.
type load struct {
	elapsed time.Duration
	took    []time.Duration // sorted
}

// quantile returns the time that so many hundredths took at most.
func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

// signedRequests makes n requests as the bytes to write: each of another body, with the signature of the scheme
// genesys-webhook.
func signedRequests(n, size int, addr, secret string) [][]byte {
	out := make([][]byte, n)
	mac := hmac.New(sha256.New, []byte(secret))
	run, pad := rand.Text(), strings.Repeat("x", size)
	for i := range out {
		body := fmt.Sprintf(`{"id":"%s-%d","eventType":"conversation.updated","note":"`, run, i)
		body += pad[:max(0, size-len(body)-2)] + `"}`
		mac.Reset()
		mac.Write([]byte(body))
		out[i] = fmt.Appendf(nil, "POST /webhooks/genesys HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
			"User-Agent: hookproof-bench\r\nX-Genesys-Signature: %s\r\nX-Genesys-Timestamp: %d\r\n\r\n%s",
			addr, len(body), base64.StdEncoding.EncodeToString(mac.Sum(nil)), time.Now().UnixMilli(), body)
	}
	return out
}

// send sends the requests over so many connections, each waiting for its answer before its next. With a rate, in requests
// a second, each request has its moment, and its time counts from there, whether a connection was free or not. Any answer
// but 200 is an error.
func send(addr string, requests [][]byte, conns, rate int) (load, error) {
	return atOnce(len(requests), conns, rate, func() (func(int) error, func() error, error) {
		c, err := net.DialTimeout("tcp", addr, answerWithin)
		if err != nil {
			return nil, nil, err
		}
		in := bufio.NewReader(c)
		return func(i int) error {
			if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
				return err
			}
			if _, err := c.Write(requests[i]); err != nil {
				return err
			}
			return readAnswer(in)
		}, c.Close, nil
	})
}

// atOnce has workers do n pieces of work, each as open returns it.
func atOnce(n, workers, rate int, open func() (do func(int) error, done func() error, err error)) (load, error) {
	var next atomic.Int64
	var all sync.WaitGroup
	l := load{took: make([]time.Duration, n)}
	errs := make(chan error, workers)
	began := time.Now()
	work := func() error {
		do, done, err := open()
		if err != nil {
			return err
		}
		defer func() { _ = done() }()
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			from := time.Now()
			if rate > 0 {
				from = began.Add(time.Duration(i) * time.Second / time.Duration(rate))
				time.Sleep(time.Until(from))
			}
			if err := do(int(i)); err != nil {
				return err
			}
			l.took[i] = time.Since(from)
		}
		return nil
	}
	for range workers {
		all.Go(func() {
			if err := work(); err != nil {
				errs <- err
			}
		})
	}
	all.Wait()
	l.elapsed = time.Since(began)
	slices.Sort(l.took)
	select {
	case err := <-errs:
		return l, err
	default:
		return l, nil
	}
}

// readAnswer reads one answer, which must be 200 and tell its length. It is much cheaper than http.ReadResponse.
func readAnswer(in *bufio.Reader) error {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("answer %q", status)
	}
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			_, err := in.Discard(length)
			return err
		}
		if text, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if _, err := fmt.Sscan(string(text), &length); err != nil {
				return err
			}
		}
	}
}

// answers waits until a GET of the url is answered with the status.
func answers(url string, status int, within time.Duration) error {
	var last string
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		res, err := http.Get(url)
		if err != nil {
			last = err.Error()
			continue
		}
		_, _ = io.Copy(io.Discard, res.Body) // only the status counts
		_ = res.Body.Close()
		if last = res.Status; res.StatusCode == status {
			return nil
		}
	}
	return fmt.Errorf("%s: %s", url, last)
}
