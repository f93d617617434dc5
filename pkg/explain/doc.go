// Package explain tells the life of one request from what the streams hold: when and where from it was received, each
// attempt to judge it with its checks and their policy, and what came of it. In goes the id that the sender was told; out
// comes a Life. It changes nothing, and it shows no body and no header that the sender wrote.
//
// The id holds the time at which it was given, so only what was stored since then is read. Only headers are.
package explain
