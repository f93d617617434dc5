// Package event defines the message that travels through hookproof: one captured HTTP request, and later its outcome.
//
// In goes what the ingress received; out comes a NATS message whose data is the request body, byte for byte, and whose
// headers carry the rest. The package does no I/O, decides nothing, and never decodes or re-encodes a body.
//
// Names of HTTP headers come from the internet, so they never become NATS header names by themselves: each rides under
// the prefix "Http-". Without it a request with the header Nats-Msg-Id would make the server drop the event after it
// acknowledged it.
package event
