// Package wycheproof runs Project Wycheproof's HMAC-SHA256 vectors through pkg/signature. It is a module of its own
// because the vectors are 109 MB that go.mod of hookproof itself should not weigh.
package wycheproof
