package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hookproof/hookproof/pkg/secret"
	"github.com/hookproof/hookproof/pkg/signature"
)

// sender signs requests as a genuine sender does, or spoils them on purpose.
type sender struct {
	client *http.Client
	url    string
	scheme signature.Scheme
	key    signature.Key
	extra  http.Header
}

func newSender(url string, scheme signature.Scheme, t secret.Text) (*sender, error) {
	key, err := scheme.NewKey(t)
	if err != nil {
		return nil, err
	}
	return &sender{client: &http.Client{Timeout: 15 * time.Second}, url: url, scheme: scheme, key: key, extra: http.Header{}}, nil
}

// spoilers are the wrong requests that a sender can make, by the name of what is wrong. A replay is the right request, sent
// twice.
var spoilers = map[string]func(s *sender, h http.Header, body []byte){
	"replay": func(*sender, http.Header, []byte) {},
	"signature": func(s *sender, h http.Header, body []byte) {
		other, _ := signature.Scheme{}.NewKey(secret.New("not the secret of anybody"))
		maps.Copy(h, s.scheme.Sign(other, h.Get(s.scheme.IDHeader), time.Now(), body))
	},
	"missing-signature": func(s *sender, h http.Header, _ []byte) { h.Del(s.scheme.SignatureHeader) },
	"timestamp": func(s *sender, h http.Header, body []byte) {
		maps.Copy(h, s.scheme.Sign(s.key, h.Get(s.scheme.IDHeader), time.Now().Add(-time.Hour), body))
	},
	"unparsable-timestamp": func(s *sender, h http.Header, _ []byte) { h.Set(s.scheme.TimestampHeader, "yesterday") },
	"missing-timestamp":    func(s *sender, h http.Header, _ []byte) { h.Del(s.scheme.TimestampHeader) },
	"address":              func(_ *sender, h http.Header, _ []byte) { h.Set("X-Forwarded-For", "198.51.100.66") },
}

func spoilerNames() []string { return slices.Sorted(maps.Keys(spoilers)) }

// answer is what an ingress said.
type answer struct {
	status int
	text   string
}

// send signs and sends a body; bad names what to spoil, or is empty. A replay gives two answers.
func (s *sender) send(ctx context.Context, body []byte, bad string) ([]answer, error) {
	h := s.scheme.Sign(s.key, "msg_"+uuid.NewString(), time.Now(), body)
	h.Set("Content-Type", "application/json")
	maps.Copy(h, s.extra)
	copies := 1
	if bad != "" {
		if bad == "replay" {
			copies = 2
		}
		if strings.Contains(bad, "timestamp") && s.scheme.TimestampHeader == "" {
			return nil, fmt.Errorf("bad %s: the scheme %s has no timestamp header", bad, s.scheme.Name)
		}
		spoilers[bad](s, h, body)
	}
	var answers []answer
	for range copies {
		a, err := s.post(ctx, h, body)
		if err != nil {
			return answers, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func (s *sender) post(ctx context.Context, h http.Header, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header = h
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	return answer{res.StatusCode, strings.TrimSpace(string(text))}, err
}

// sampleBody returns an event as Genesys Cloud might send it; n makes it unlike any other.
func sampleBody(s signature.Scheme, n int) []byte {
	id, at := uuid.NewString(), time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	if s.TimestampField != "" {
		return []byte(`{"id":"` + id + `","channel":{"platform":"Open","type":"Private","time":"` + at + `","messageId":"` + id + `"},"type":"Text","text":"Hello ` + strconv.Itoa(n) + `","direction":"Outbound"}`)
	}
	return []byte(`{"id":"` + id + `","eventType":"conversation.updated","time":"` + at + `","number":` + strconv.Itoa(n) + `}`)
}
