//go:build failpoint

// Package failpoint lets a test build fail at a named step. The variable HOOKPROOF_FAILPOINT says where and how:
//
//	claimed:3:kill        SIGKILL to this process at the third time that the step "claimed" is reached
//	claimed:1:stall:20s   the first one sleeps there for 20 s
//
// HOOKPROOF_FAILPOINT_CLOCK sets this process's clock off by a duration, such as 10m or -10m, wherever its time is held against
// another machine's.
package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Armed reports whether this is a test build.
const Armed = true

type plan struct {
	step   string
	at     int64
	action string
	stall  time.Duration
}

var (
	armed = parse(os.Getenv("HOOKPROOF_FAILPOINT"))
	hits  atomic.Int64
	ahead = offset(os.Getenv("HOOKPROOF_FAILPOINT_CLOCK"))
)

// Now is the time by this process's clock.
func Now() time.Time { return time.Now().Add(ahead) }

func offset(text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic("HOOKPROOF_FAILPOINT_CLOCK: " + err.Error())
	}
	return d
}

// Hit marks a step, and fails there if the plan says so.
func Hit(step string) {
	if step != armed.step || hits.Add(1) != armed.at {
		return
	}
	if armed.action == "stall" {
		fmt.Fprintf(os.Stderr, "failpoint: stalled at %s\n", step)
		time.Sleep(armed.stall)
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal arrives
}

func parse(text string) plan {
	if text == "" {
		return plan{}
	}
	f := strings.Split(text, ":")
	if len(f) < 3 {
		panic("HOOKPROOF_FAILPOINT: want step:count:kill or step:count:stall:duration, have " + text)
	}
	at, err := strconv.ParseInt(f[1], 10, 64)
	p := plan{step: f[0], at: at, action: f[2]}
	if p.action == "stall" && err == nil && len(f) == 4 {
		p.stall, err = time.ParseDuration(f[3])
	}
	if err != nil {
		panic("HOOKPROOF_FAILPOINT: " + err.Error())
	}
	return p
}
