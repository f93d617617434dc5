package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
)

// Ports are given out one after the other, from below those that the kernel gives to connections and to listeners without a
// port of their own: none of these takes one before a process listens there, nor while it is down.
const firstPort, ports = 10000, 20000

var lastPort = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32N(ports)) // other test processes begin elsewhere
	return &n
}()

// nextAddress returns an address on loopback on which nobody listens, another one at each call.
func nextAddress() (string, error) {
	var err error
	for range 100 {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+lastPort.Add(1)%ports)); err == nil {
			// A child that is being forked holds the listener, and the port, until it executes its program.
			syscall.ForkLock.RLock()
			defer syscall.ForkLock.RUnlock()
			return l.Addr().String(), l.Close()
		}
	}
	return "", err
}

// freeAddress is nextAddress for a test.
func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := nextAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}
