// Package genesys is a client of the Genesys Cloud platform API, as far as a webhook's life needs it. In go desired
// webhooks; out come the webhooks that Genesys Cloud holds, or an Error that says what an operator can do about it.
//
// Both kinds of signed webhook are here. Webhook and its methods speak /api/v2/integrations/webhooks, the contract that
// hookproof was asked to provision; it is in none of Genesys Cloud's public SDKs. OpenMessaging and its methods speak
// /api/v2/conversations/messaging/integrations/open, the signed webhook of the public API today
// (https://developer.genesys.cloud/commdigital/digital/openmessaging/).
//
// A call is an OAuth 2.0 client-credentials token, a request under the client-side rate limit, and a bounded number of
// attempts. What can be repeated without harm is repeated after 429, 5xx, a broken connection or a time-out. A creation
// whose outcome is unknown is never sent again: its Error is Ambiguous, and the caller looks the name up.
//
// The package refuses every redirect, since one could carry the client's credentials to another host; it refuses answers
// that are not the JSON they should be, and lists or address ranges that are empty where they cannot be. No error, span
// or log line holds a secret, a token or a body.
package genesys
