// Package signature signs and verifies webhooks. In go a Scheme, keys and a request's header and body; out comes whether a
// key signed them, and if none did, what is wrong with the form of the signature.
//
// A Scheme is data: where the signature and the time stand, what is signed and how it is written. Every MAC is
// HMAC-SHA256. The package is pure: it has no clock and does no I/O, and whether a time is too old is not its business.
package signature
