// Package durable shows from the system calls of a nats-server that what it acknowledged is on the disk. In goes what strace
// saw; out comes every acknowledgement that left the server before an fsync of the file that holds its message. Messages
// carry a Marker each, by which their bytes are found again.
package durable
