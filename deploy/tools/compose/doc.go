// Package compose holds deploy/compose against the Compose Specification's own loader, which Docker Compose uses too, and
// runs it as far as that goes without a container runtime: every NATS server, job and role of it as a process, with its
// command, its environment and its files. It is a module of its own, so that what the loader needs does not weigh on
// hookproof's.
package compose
