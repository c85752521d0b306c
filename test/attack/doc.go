// Package attack attacks a running node over HTTP, from outside, as a stranger would who has
// read all of the documents: with tokens made by hand, with other people's session URLs, with
// requests as forms and proxies make them. Nothing of the node is imported; whatever is let in
// fails the test, and so does a good token that is not, since a node that refuses everything
// proves nothing.
package attack
