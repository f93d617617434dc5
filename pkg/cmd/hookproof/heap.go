package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// heapRoom is how much a small heap may grow before it is collected. A role lives in a few MiB and makes garbage with
	// every request, so that by Go's default it would collect many times a second.
	heapRoom = 64 << 20
	// goDefault is Go's own growth in percent of the live heap, which is right for a large one.
	goDefault = 100
)

// keepHeapRoom gives the heap at least heapRoom to grow, whatever lives in it. A heap larger than that, as of an embedded
// server with many replay keys, is collected as Go does by default. GOGC in the environment overrides it.
func keepHeapRoom(lookupEnv func(string) (string, bool)) {
	if _, set := lookupEnv("GOGC"); !set {
		tuneHeap()
	}
}

// tuneHeap sets the growth for what lives now, and comes again after the next collection: a finalizer runs once its object
// was collected.
func tuneHeap() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(heapGrowth(live[0].Value.Uint64()))
	runtime.SetFinalizer(&struct{ _ [16]byte }{}, func(*struct{ _ [16]byte }) { tuneHeap() })
}

// heapGrowth returns the percentage by which a heap may grow of which so many bytes live. The live heap counts as 4 MiB at
// least, which is the smallest that Go collects.
func heapGrowth(live uint64) int {
	return int(max(goDefault, heapRoom*100/max(live, 4<<20))) // #nosec G115 -- 1600 at most
}
