// Package planted switches bugs on that a careless change could bring, each by a build tag of its own, so that the fault
// suite can show that it finds them. In a normal build every switch is the constant false, and the compiler removes what
// stands behind it. Each switch has a file for either state.
package planted

// Bug is a bug that can be planted.
type Bug struct {
	Tag  string // of the build
	What string // is wrong with it
	On   bool   // in this build
}

// Bugs returns every bug that can be planted.
func Bugs() []Bug {
	return []Bug{
		// A forged copy that comes first makes the genuine event a replay.
		{"planted_claim_first", "a key is claimed before the signature is checked", ClaimFirst},
		// A verifier that died after its claim takes its own message for a replay.
		{"planted_anonymous_claim", "a claim does not name its owner", AnonymousClaim},
		// A verifier that dies after the acknowledgement loses the message.
		{"planted_ack_first", "a message is acknowledged before its outcome is stored", AckFirst},
		// What is published again, because its acknowledgement was lost, is stored twice.
		{"planted_no_msg_id", "messages carry no id", NoMsgID},
		// Genuine events grow too old while they wait.
		{"planted_wall_clock", "times are held against the time of processing, not of receipt", WallClock},
		// The signature is over other bytes.
		{"planted_reserialised_body", "a JSON body is decoded and encoded on its way", ReserialisedBody},
		// Headers that the server acts on come from the internet.
		{"planted_raw_headers", "HTTP headers become NATS headers of the same name", RawHeaders},
		// Accepted requests are dropped when no verifier keeps up.
		{"planted_discard_old", "UNVERIFIED drops its oldest messages when it is full", DiscardOld},
	}
}
