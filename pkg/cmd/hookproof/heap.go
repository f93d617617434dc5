package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// leastRoom is how much any heap may grow before it is collected. A role lives in a few MiB and makes garbage with every
	// request, so that by Go's default it would collect many times a second.
	leastRoom = 64 << 20
	// mostRoom is up to where a heap may grow by twice of what lives, and is collected half as often as by Go's default. A
	// larger one grows by as much as lives.
	mostRoom = 512 << 20
)

// keepHeapRoom gives the heap more room to grow than Go does by default. GOGC in the environment overrides it.
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

// heapGrowth returns the percentage by which a heap may grow of which so many bytes live: by twice of that, at least by
// leastRoom, and beyond mostRoom as Go does. The live heap counts as 4 MiB at least, which is the smallest that Go collects.
func heapGrowth(live uint64) int {
	live = max(live, 4<<20)
	room := max(leastRoom, live, min(2*live, mostRoom))
	return int(room * 100 / live) // #nosec G115 -- 1600 at most
}
