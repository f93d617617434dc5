//go:build !planted_reserialised_body

package planted

// ReserialisedBody is the switch of planted_reserialised_body.
const ReserialisedBody = false
