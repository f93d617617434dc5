// Package webhook defines the desired state of one webhook, as operators write it, and the status that answers it.
//
// In goes a JSON or YAML document; out come a Webhook, a list of every field that is wrong, and what the other packages need
// of it: a policy for the verifiers and a route for the ingress. Status and Record are what the provisioner tells about it.
//
// The package does no I/O and resolves no secret. No error of it repeats a secret, a header's value or a whole target URI,
// because errors travel to places where those may not be read.
package webhook
