package bus

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

const (
	// healthSubject is where a server tells its health. Only its system account has the subject, unless that exports it.
	healthSubject = "$SYS.REQ.SERVER.PING.HEALTHZ"
	healthWithin  = 2 * time.Second
)

// unrecovered returns a function that reports whether the server holds files of a stream that it did not recover. The server is
// asked once, when it is first called. A server in a cluster does not tell; there, the others still have the stream.
func (b *Bus) unrecovered(ctx context.Context) func(stream string) bool {
	ask := sync.OnceValue(func() []string {
		lost, err := b.lostStreams(ctx)
		if err != nil {
			b.log.Warn("the server does not say whether it holds streams that it could not read; if it does, making them deletes them",
				"subject", healthSubject, "error", err)
		}
		return lost
	})
	return func(stream string) bool { return slices.Contains(ask(), stream) }
}

// lostStreams asks the server for the streams of any account whose files it did not recover.
func (b *Bus) lostStreams(ctx context.Context) (lost []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	reply, err := b.nc.RequestWithContext(ctx, healthSubject, []byte(`{"details":true}`))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Errors []struct {
				Type   string `json:"type"`
				Stream string `json:"stream"`
			} `json:"errors"`
		} `json:"data"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return nil, err
	}
	for _, e := range answer.Data.Errors {
		if e.Type == "STREAM" {
			lost = append(lost, e.Stream)
		}
	}
	return lost, nil
}
