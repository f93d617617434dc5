// Package nemesis holds the faults: a table of scenarios, each with what strikes, what must hold nevertheless, and how it is
// done. A scenario strikes at a whole pipeline under load; then all is mended, the backlog is left to drain, and the history is
// judged. A run in which too little happened is as bad as one that broke a promise.
package nemesis
