// Package check has the tests of what is in deploy/: the Compose file and the Kubernetes
// manifests. They are read by the parsers of Compose and Kubernetes, and whole nodes run
// with the arguments, variables and secrets that come out.
//
// It is a module of its own, since these parsers bring more with them than Whippet has.
package check
