//go:build planted_no_msg_id

package planted

// NoMsgID is the switch of planted_no_msg_id.
const NoMsgID = true
