// Package secret keeps secrets out of sight. In go references to secrets, as operators write them in a webhook's
// configuration; out come Texts, which hold the value and never print it.
//
// A reference is one of
//
//	env:NAME      an environment variable of the process: WEBHOOK_SECRET or HOOKPROOF_SECRET_*
//	file:PATH     a file under the secret directory, links resolved, one trailing newline removed
//	sealed:…      a secret sealed to the pool's key (a NATS xkey) for one webhook
//
// The package refuses every other name and path: whoever may publish a configuration chooses the reference, and must not
// be able to read the process's other secrets through it.
package secret
