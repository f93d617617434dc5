// Package redrive sends rejected and parked requests back through the verifier, once the cause was mended: a wrong secret,
// a stale allowlist. In goes a Query; NewPlan finds what it means in the streams, and Plan.Send publishes it on
// unverified.<webhook>, each under its own id and original time of receipt, as the next attempt.
//
// It judges nothing: the verifier does, by the time of receipt as on the first passage. It never sends what was verified
// meanwhile, what still waits for a verifier, what a later attempt found something else about, a replay, or a request whose
// replay cannot be told any more. Running it again is harmless: every send has the message id <id>.<attempt>, and VERIFIED
// holds each id once.
//
// Who sent it rides on the message as Hookproof-Redriven-By and stays on the outcome: that is the audit record, kept as
// long as the outcome itself.
package redrive
