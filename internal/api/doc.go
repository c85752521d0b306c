// Package api is the REST API below /api/v1/: what operators see of a node and steer. It
// is what openapi.yaml says: the routes and types of package wire are generated from
// that, and tests hold every response to it.
//
// Everything but the document itself needs a bearer token, on an open node too: the action
// metrics reads, admin does everything. Errors are problems (RFC 9457), written by
// [signaling.Service.HandleError]. Sessions are named by their public ids; no response
// holds a token, a secret, or a URL that is a capability.
//
// Lists come in pages, by name or id: an item that comes or goes between two pages moves
// no other one. Handlers hold no lock while they write, and start no goroutine.
package api
