// Package bus is hookproof's only door to NATS JetStream. Roles hand it messages and handlers; it connects or embeds a
// server, knows which streams, buckets and consumers there are, publishes, claims, consumes and mirrors.
//
// It decides nothing about an event. Its promises are those of the server: a Publish that returned nil is stored, a Claim
// has one winner, and a consumed message is acknowledged only after its handler returned nil.
//
// Where to look: topology.go declares the streams, setup.go makes and checks them, server.go embeds a server, buffer.go
// makes the streams of one beside an ingress, publish.go
// and claim.go write, consume.go delivers, mirror.go follows a bucket, read.go reads streams.
package bus
