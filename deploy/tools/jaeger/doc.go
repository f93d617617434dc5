// Package jaeger holds hookproof against the real Jaeger: its tests start both as processes on loopback, send requests, and
// find each through Jaeger's query API. It is a module of its own, so that what Jaeger needs does not weigh on hookproof's.
//
// Build Jaeger first, into bin/jaeger-all-in-one: `make test-jaeger` does both.
package jaeger
