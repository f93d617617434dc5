// Command bench measures hookproof beside what a Go program can do at best, with real processes on loopback. In go counts;
// out come a table of medians and a JSON file with every round. Run it by make bench.
//
// A round starts each target afresh, on an empty store, sends it signed requests over keep-alive connections, each
// connection one request after the other, and stops it. The order changes with each round, so that no target always follows
// the same one. CPU is /proc/PID/stat over the load, and over what it leaves to be verified; memory is the peak, VmHWM. Both
// include what the process did to serve the load and nothing of the load generator, which is this process.
//
// The machine's noise is in every figure: compare ratios within one run, not rates of different days. It sends to loopback
// only, and never more than it was told.
package main
