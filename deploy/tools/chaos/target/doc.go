// Package target runs what is tested: a nats-server and the roles of hookproof as real processes, each under a supervisor that
// starts it again however it ends, and the hands of an administrator on the streams. It breaks only what it is told to, and
// judges nothing.
package target
