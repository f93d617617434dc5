package bus_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookproof/hookproof/pkg/bus"
	"github.com/hookproof/hookproof/pkg/bus/bustest"
)

// BenchmarkPublisher stores messages of 1 KiB that 64 goroutines publish at once, on a server in this process, by each way
// to commit that is of use there.
func BenchmarkPublisher(b *testing.B) {
	for _, commit := range []bus.Commit{bus.CommitSingle, bus.CommitFast} {
		b.Run(string(commit), func(b *testing.B) {
			hub, _ := bustest.New(b, bus.Topology{})
			p := hub.NewPublisher(commit)
			body := string(make([]byte, 1024))
			var n atomic.Int64
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					m := message("unverified.bench", strconv.FormatInt(n.Add(1), 10), body)
					if _, err := p.Publish(b.Context(), m, 10*time.Second); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
