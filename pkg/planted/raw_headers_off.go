//go:build !planted_raw_headers

package planted

// RawHeaders is the switch of planted_raw_headers.
const RawHeaders = false
