// Package genesystest is a simulator of the part of Genesys Cloud that deals with webhooks. In go the requests of a
// genesys.Client, or of any other; out come the documented answers, and, once a webhook is enabled and Run or Deliver is
// called, signed events to its target.
//
// It plays the token endpoint, /api/v2/integrations/webhooks, /api/v2/conversations/messaging/integrations/open and
// /api/v2/ipranges on one address, with scopes, token expiry, validation errors in Genesys Cloud's shape, paging,
// asynchronous creation and rate limits. Secrets are write-only: no answer and no State shows one.
//
// Tests switch faults on by Inject and look at State; so does whoever runs the simulator by hand:
//
//	POST   /_sim/faults   a Fault as JSON, {"op":"CreateWebhook","kind":"lost-answer","times":1,"delay":"2s"}
//	DELETE /_sim/faults   no more faults
//	GET    /_sim/state    what was called, created and delivered
//
// The control endpoint asks for no credentials and the simulator keeps everything in memory: it is for tests and
// demonstrations, never for the internet.
//
// Events are signed with crypto/hmac right here, on purpose not with pkg/signature: two independent readings of the
// vendor's documentation have to agree. The package does not import testing, so that a command can use it too.
package genesystest
