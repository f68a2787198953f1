// Package kubetest has the tests of what package deploy writes that take the
// Kubernetes API's own types: those of its current release and, by
// previous.mod and oldest.mod in the place of go.mod, of the two before.
package kubetest
