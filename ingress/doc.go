// Package ingress captures webhooks. In go HTTP requests; out come messages on unverified.*, each stored before its sender
// reads 2xx. It checks nothing about authenticity: it asks only whether the webhook exists, whether the request is small
// enough to store, and whether its sender is within a rate.
//
// Server.ServeHTTP in server.go is the life of one request: route, budget, capture, store, answer. The sender's address is
// resolved once, in client.go; answer.go is the only place that maps what happened to a status.
//
// With a buffer the server stores on an embedded NATS server beside it, and the Forwarder in forward.go takes what is there
// to the hub, where the verifiers are, whenever link.go finds it fit.
package ingress
