// Package history is the record of one run: what was configured, every request that was sent and what was answered, every
// fault that struck, and every message that the streams held at the end. In go the parts as they happen; out comes a file of
// JSON lines, from which alone a checker can judge the run, and judge it again later.
//
// Every request carries its number in the header X-Attempt, by which an outcome finds its request.
package history

import (
	"net/http"
	"time"
)

// AttemptHeader carries the number of the attempt; MessageAttempt is the same as the message carries it.
const (
	AttemptHeader  = "X-Attempt"
	MessageAttempt = "Http-" + AttemptHeader
)

// Run says what a run was made of, and what makes it count.
type Run struct {
	Scenario string
	Seed     uint64
	Horizon  time.Duration
	// Forgets counts how often the claims were lost on purpose: so many times more a key may be verified.
	Forgets int
	// ClockSlack is how far a verifier's clock was set off. It widens what is held against an outcome's age.
	ClockSlack time.Duration
	// MinVerified and MinFaults are what must have happened at least. Fewer, and the run proves nothing.
	MinVerified, MinFaults int
	// External are webhooks whose sender this run does not record, such as the simulator.
	External []string `json:",omitempty"`
}

// Schemes that a policy may name.
const (
	GenesysWebhook   = "genesys-webhook"
	OpenMessaging    = "genesys-open-messaging"
	StandardWebhooks = "standard-webhooks"
)

// Policy is how requests of a webhook have to be judged, from some moment between Asked and Live on until the next one.
type Policy struct {
	Webhook   string
	Scheme    string
	Secrets   []Secret
	Allowlist []string `json:",omitempty"` // CIDRs; empty: every address
	Tolerance time.Duration
	MaxBody   int64 // bytes
	Gone      bool  `json:",omitempty"` // the webhook is removed: no more requests, but what was captured is judged by the former policy
	Asked     time.Time
	Live      time.Time
}

// Secret is one secret of a policy. It ends at some moment between EndsAfter and EndsBefore; zero times: never.
type Secret struct {
	Text       string
	EndsAfter  time.Time `json:",omitzero"`
	EndsBefore time.Time `json:",omitzero"`
}

// Kinds of attempts that are more than what the bytes say of themselves. Of the others the kind is for people.
const (
	KindInjected = "injected" // put on the bus past the ingress; has to be parked for the reason in Want
)

// Attempt is one request, as it was sent.
type Attempt struct {
	N        int
	Kind     string
	Webhook  string
	Header   http.Header // what the sender wrote, Host and Content-Length included
	ClientIP string      // as the trusted proxy names it
	Body     []byte
	At       time.Time // when sending began
	Want     string    `json:",omitempty"` // the reason for parking, of KindInjected
}

// Answer is what the sender of an attempt was told. Status 0 is no answer: the request may be stored or not.
type Answer struct {
	N      int
	Status int
	ID     string `json:",omitempty"`
	Error  string `json:",omitempty"`
	At     time.Time
}

// Fault is one blow.
type Fault struct {
	Name   string
	Detail string `json:",omitempty"`
	At     time.Time
}

// Crash is a process that ended by itself in a way that no fault explains, such as a panic.
type Crash struct {
	Process string
	Detail  string
	At      time.Time
}

// Broken is a promise of the scenario that did not hold, and that the streams do not show.
type Broken struct {
	Promise string
	At      time.Time
}

// Message is what a stream held at the end.
type Message struct {
	Stream   string
	Subject  string
	Sequence uint64
	Header   map[string][]string
	Body     []byte
	At       time.Time // when the stream stored it
}

// History is a whole run. It is a value; a checker changes nothing in it.
type History struct {
	Run      Run
	Policies []Policy // of a webhook in the order in which they were asked for
	Attempts []Attempt
	Answers  []Answer
	Faults   []Fault
	Crashes  []Crash
	Broken   []Broken
	Messages []Message
}

// line is one record of the file: exactly one field is set.
type line struct {
	Run     *Run     `json:"run,omitempty"`
	Policy  *Policy  `json:"policy,omitempty"`
	Attempt *Attempt `json:"attempt,omitempty"`
	Answer  *Answer  `json:"answer,omitempty"`
	Fault   *Fault   `json:"fault,omitempty"`
	Crash   *Crash   `json:"crash,omitempty"`
	Broken  *Broken  `json:"broken,omitempty"`
	Message *Message `json:"message,omitempty"`
}
