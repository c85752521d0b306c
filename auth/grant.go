package auth

import (
	"slices"
	"time"
)

// An Action is a right as tokens spell it. Unknown actions allow nothing.
type Action string

// The actions of a token. Publish and Subscribe hold for the token's streams;
// Admin and Metrics hold for the node.
const (
	Publish   Action = "publish" // send a stream (WHIP)
	Subscribe Action = "play"    // receive a stream (WHEP)
	Admin     Action = "admin"   // use the administrative API
	Metrics   Action = "metrics" // read the metrics
)

// Actions returns every action there is, in the order help texts list them.
func Actions() []Action { return []Action{Publish, Subscribe, Admin, Metrics} }

// perStream tells whether the action is about one stream.
func (a Action) perStream() bool { return a == Publish || a == Subscribe }

// A Grant is what a verified token allows. The zero Grant allows nothing. A Grant
// is immutable and may be copied; its slices must not be changed.
type Grant struct {
	Subject string   // who, from sub; "" if the token does not say
	ID      string   // which token, from jti; "" if the token does not say
	Actions []Action // what, as the token lists them
	Streams []string // on which streams: globs, see [Grant.Allows]

	// Expires is when the grant ends: exp plus [Leeway], so that whoever may begin
	// now is not ended now. The zero Time stands for never, as in [Anyone].
	Expires time.Time
}

// Anyone returns the grant of a node without authentication: publish and play
// everything, forever. It does not allow Admin or Metrics.
func Anyone() Grant {
	return Grant{Actions: []Action{Publish, Subscribe}, Streams: []string{"*"}}
}

// Allows tells whether the grant holds the action and, for Publish and Subscribe,
// a glob that matches the stream's name. For Admin and Metrics stream is ignored.
// It does not look at Expires.
func (g Grant) Allows(a Action, stream string) bool {
	if !slices.Contains(g.Actions, a) || !slices.Contains(Actions(), a) {
		return false
	}
	if !a.perStream() {
		return true
	}
	return slices.ContainsFunc(g.Streams, func(glob string) bool { return match(glob, stream) })
}
