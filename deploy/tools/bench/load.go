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
	elapsed  time.Duration
	p50, p99 time.Duration
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

// send sends the requests over so many connections, each waiting for its answer before its next. Any answer but 200 is an
// error.
func send(addr string, requests [][]byte, conns int) (load, error) {
	var next atomic.Int64
	var workers sync.WaitGroup
	took := make([]time.Duration, len(requests))
	errs := make(chan error, conns)
	began := time.Now()
	for range conns {
		workers.Go(func() {
			if err := converse(addr, requests, &next, took); err != nil {
				errs <- err
			}
		})
	}
	workers.Wait()
	l := load{elapsed: time.Since(began)}
	select {
	case err := <-errs:
		return l, err
	default:
	}
	slices.Sort(took)
	l.p50, l.p99 = took[len(took)/2], took[len(took)*99/100]
	return l, nil
}

// converse takes requests as next tells until there are none left.
func converse(addr string, requests [][]byte, next *atomic.Int64, took []time.Duration) error {
	c, err := net.DialTimeout("tcp", addr, answerWithin)
	if err != nil {
		return err
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for i := next.Add(1) - 1; i < int64(len(requests)); i = next.Add(1) - 1 {
		began := time.Now()
		if err := c.SetDeadline(began.Add(answerWithin)); err != nil {
			return err
		}
		if _, err := c.Write(requests[i]); err != nil {
			return err
		}
		if err := readAnswer(in); err != nil {
			return err
		}
		took[i] = time.Since(began)
	}
	return nil
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
