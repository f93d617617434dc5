// Package collector holds hookproof's collector configuration against the OpenTelemetry collector itself, with the components
// that the configuration names: as it is, and as deploy/compose lays its own file over it. It is a module of its own, so
// that what the collector needs does not weigh on hookproof's.
package collector
