//go:build !failpoint

// Package failpoint lets a test build fail at a named step, killed or stalled, and lets its clock be wrong. In a normal build
// Hit does nothing, Now is time.Now, and neither costs anything. Build with the tag "failpoint" to arm it; see on.go.
package failpoint

import "time"

// Armed reports whether this is a test build.
const Armed = false

// Hit marks a step.
func Hit(string) {}

// Now is the time by this machine's clock.
func Now() time.Time { return time.Now() }
