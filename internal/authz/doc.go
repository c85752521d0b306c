// Package authz decides about tokens by more than one mechanism: [Any] asks several
// verifiers in turn, and [Client] asks a service over HTTP about tokens that only that
// service understands.
//
// A Client fails closed: what the service does not allow in time is refused. It remembers
// answers for a short while, a bounded number of them, and asks about so many things at a
// time at most. It knows nothing of sessions or of HTTP requests of clients, and never
// logs a token.
//
// All exported types are safe for concurrent use.
package authz
