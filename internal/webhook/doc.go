// Package webhook tells other programs by HTTP what becomes of a node's streams: each
// event is a POST with a JSON body, signed with a secret that node and receiver share
// (Standard Webhooks 1.0: webhook-id, webhook-timestamp, webhook-signature with
// HMAC-SHA256). docs/webhooks.md is the contract.
//
// A [Hub] has a queue of its own for each [Receiver], so that a slow one delays no other.
// A receiver gets the events of one stream in order, one at a time; those of different
// streams may be under way together. What fails is tried again with growing delays. An
// event that cannot be delivered, or for which the queue has no place, is a dead letter:
// counted and logged, and gone.
//
// [Hub.Emit] never waits for a receiver. Nothing here follows a redirect, keeps an event
// on disk, or logs a URL's path, its query or a secret.
//
// The package knows no streams and sessions: the node translates.
package webhook
