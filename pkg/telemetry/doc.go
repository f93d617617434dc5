// Package telemetry sets OpenTelemetry up, decides which traces are kept, and carries trace context in NATS headers.
//
// What is exported follows the standard OTEL_* variables; with none set nothing is exported, and spans exist only to give
// log and audit lines a trace id. Metrics can always be read at Handler, in the format of Prometheus. Only W3C trace
// context is propagated, never baggage.
//
// A request that is rejected is worth its trace whatever the sampling ratio, but whether it is rejected is known only
// long after its trace began, possibly in another process. So the verifier starts its span once it has decided, back-dated
// and with the verdict in it; sampler.go keeps it because of the verdict; and where the ingress did not record its own
// spans, rebuild.go makes them anew from what the message says. No collector has to hold traces back for that.
//
// Where to look: setup.go and env.go make the providers, sampler.go and queue.go keep rejects, ids.go and rebuild.go
// complete their traces, propagate.go carries context, attributes.go names what spans say, metrics.go and provisioning.go
// help to measure, log.go writes log lines.
package telemetry
