//go:build !failpoint

// Package failpoint lets a test build fail at a named step: killed, or stalled. In a normal build Hit does nothing and
// costs nothing. Build with the tag "failpoint" to arm it; see on.go.
package failpoint

// Armed reports whether this is a test build.
const Armed = false

// Hit marks a step.
func Hit(string) {}
