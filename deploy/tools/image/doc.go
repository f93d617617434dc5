// Command image builds hookproof's container image without a container runtime: ko compiles and packs, and what ko packs
// upon is made here, because hookproof needs no more of an operating system than certificate authorities, time zones and
// a user without rights. Nothing is pulled, so the image holds nothing that this module's go.sum does not fix, and the
// same commit gives the same digest.
//
// It is a module of its own, so that what ko needs does not weigh on hookproof's.
package main
