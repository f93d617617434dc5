package main

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// BenchmarkAccounts measures what the accounts cost an ingress and a verifier: publishes of 1 KiB from 64 goroutines, in each way
// of storing groups, to the configuration for production and to the same with all users in one account without
// permissions. The two take turns, b.N times each; what is reported are medians. CPU is of client and server together.
// Where the server need not sync before each acknowledgement, the disk hides less.
func BenchmarkAccounts(b *testing.B) {
	for _, durable := range []bool{false, true} {
		for _, x := range []struct {
			user, subject string
			commit        bus.Commit
		}{
			{"ingress", "unverified.genesys", bus.CommitSingle},
			{"ingress", "unverified.genesys", bus.CommitFast},
			{"ingress", "unverified.genesys", bus.CommitAtomic},
			{"verifier", "verified.genesys", bus.CommitFast},
			{"verifier", "verified.genesys", bus.CommitAtomic},
		} {
			name := x.user + "-" + string(x.commit)
			if durable {
				name += "-synced"
			}
			b.Run(name, func(b *testing.B) { compareAccounts(b, x.user, x.subject, x.commit, durable) })
		}
	}
}

func compareAccounts(b *testing.B, user, subject string, commit bus.Commit, durable bool) {
	apart := startAccounts(b, func(o *server.Options) { o.SyncAlways = durable })
	shared := startAccounts(b, func(o *server.Options) {
		o.SyncAlways = durable
		shareHooks(o, nil)
	})
	prefix := ""
	if user != "verifier" {
		prefix = "HOOKS.API"
	}
	var rates, cpus [2][]float64
	publishers := [2]*bus.Publisher{connectAs(b, apart, user, prefix).NewPublisher(commit), connectAs(b, shared, user, "").NewPublisher(commit)}
	n := 10000
	if durable {
		n = 1000
	}
	for i := range 2 {
		publishMany(b, publishers[i], subject, n) // to warm up
	}
	for b.Loop() {
		for i := range 2 {
			rate, cpu := publishMany(b, publishers[i], subject, n)
			rates[i], cpus[i] = append(rates[i], rate), append(cpus[i], cpu)
		}
	}
	b.ReportMetric(median(rates[0]), "accounts/s")
	b.ReportMetric(median(rates[1]), "one-account/s")
	b.ReportMetric(median(cpus[0]), "accounts-µs-CPU")
	b.ReportMetric(median(cpus[1]), "one-account-µs-CPU")
	b.ReportMetric(0, "ns/op")
}

// publishMany publishes n messages, and returns how many a second and the CPU of each in µs.
func publishMany(b *testing.B, p *bus.Publisher, subject string, n int) (perSecond, cpu float64) {
	b.Helper()
	body := bytes.Repeat([]byte("x"), 1024)
	before, began := used(b), time.Now()
	var left atomic.Int64
	left.Store(int64(n))
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for left.Add(-1) >= 0 {
				m := &nats.Msg{Subject: subject, Data: body, Header: nats.Header{"Nats-Msg-Id": {uuid.NewString()}}}
				if _, err := p.Publish(context.Background(), m, time.Minute); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	return float64(n) / time.Since(began).Seconds(), float64((used(b) - before).Microseconds()) / float64(n)
}

// used returns the CPU that this process has used.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func connectAs(b *testing.B, a *accounts, user, prefix string) *bus.Bus {
	b.Helper()
	c, err := bus.Connect(a.flags(user, prefix).config(user), bustest.Log(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}

func median(list []float64) float64 { return slices.Sorted(slices.Values(list))[len(list)/2] }
