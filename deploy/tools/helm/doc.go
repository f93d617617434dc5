// Package helm renders hookproof's chart with the real Helm and holds what comes out against what knows: Helm's lint, the
// types of Kubernetes' API, kubectl-validate with the definitions of KEDA and of the Prometheus operator, the Pod Security
// Standards' own evaluator, kube-score, and the hookproof binary itself. It is a module of its own, so that what these need
// does not weigh on hookproof's.
package helm
