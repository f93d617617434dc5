// Package provisioner is the role that brings webhooks into their desired state.
//
// In go config messages, each the desired state of one webhook; out come policies for the verifiers, routes for the ingress,
// and a status for whoever asked. It never sees an event, and it never stores or logs a secret: what it writes holds
// references.
//
// It is a reconciler. A message that is right becomes the Desired of the webhook's record in the bucket "webhooks" and is
// acknowledged then; from there on the record alone decides what is done, so neither a crash nor a later message that is
// refused loses anything. A pass over a record takes the steps of its kind in order; each compares first and does nothing if
// there is nothing to do, and is recorded before and after. Several provisioners may run: a record has a lease, every write
// is made on the revision that was read, and who loses reads again.
//
// Where to look: intake.go takes messages, schedule.go decides which record is due, reconcile.go makes a pass over it,
// steps.go lists the steps, outcome.go tells what becomes of a pass, and the step_ files hold the steps themselves.
package provisioner
