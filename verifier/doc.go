// Package verifier judges captured requests, each once. In goes unverified.*; out come verified.*, rejected.* and, for what
// cannot be judged, parked.*.
//
// Decide makes the checks that need nothing but the request and its policy, one file a check, in the order of the package's
// reason codes; it is pure. The claim in replay.go makes sure that a genuine event is verified once. Verifier.handle in
// verifier.go is the life of one message from fetch to outcome:
//
//	decode -> decide -> (before a reject: decide again by the newest policy) -> claim -> publish -> acknowledge
//
// Nothing is acknowledged before its outcome is stored, nothing is claimed before its signature was found valid, and a
// claim names its owner, so that a verifier may die at any step.
package verifier
