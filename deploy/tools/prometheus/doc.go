// Package prometheus holds hookproof's alert rules and dashboard against the real Prometheus: promtool runs the rules'
// tests, and the parser of PromQL reads every query. It is a module of its own, so that what Prometheus needs does not
// weigh on hookproof's.
package prometheus
