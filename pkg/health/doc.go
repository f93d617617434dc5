// Package health watches what a role stands on: the bus, the streams and their room, its consumer, the clock. Out come the
// checks of /readyz, which say in words what is wrong, and the gauges that alerts are made of. It changes nothing.
package health
