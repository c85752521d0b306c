package auth

import (
	"net/netip"
	"slices"
	"strings"
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
	Issuer  string   // who made the token, from iss; "" if it does not say
	Subject string   // who, from sub, among the subjects of Issuer; "" if the token does not say
	ID      string   // which token, from jti; "" if the token does not say
	Actions []Action // what, as the token lists them
	Streams []string // on which streams: globs, see [Grant.Allows]

	// Issued is when the token was made, from iat; the zero Time if it does not say.
	Issued time.Time
	// Expires is when the grant ends: exp plus [Leeway], so that whoever may begin
	// now is not ended now. The zero Time stands for never, as in [Anyone].
	Expires time.Time
	// MaxSession is how long a session may last, whenever the grant ends; 0: as long
	// as the grant. See [Grant.Ends].
	MaxSession time.Duration

	Limits   Limits         // of each session, or of all of the token
	Origins  []string       // of pages that may use it; nil: any. See [Grant.AllowsOrigin]
	Prefixes []netip.Prefix // where it may be used; nil: anywhere. See [Grant.AllowsAddress]
}

// Ends returns when a session that began at start must end: after MaxSession if the token
// bounds its sessions, else with the grant. The zero Time stands for never.
func (g Grant) Ends(start time.Time) time.Time {
	if g.MaxSession > 0 {
		return start.Add(g.MaxSession)
	}
	return g.Expires
}

// AllowsOrigin tells whether a request with the Origin header may use the grant. A
// request without one is not a page's, or one of our own pages reads: it may.
func (g Grant) AllowsOrigin(origin string) bool {
	return origin == "" || g.Origins == nil || slices.Contains(g.Origins, strings.ToLower(origin))
}

// AllowsAddress tells whether a client of the address may use the grant. An invalid
// address, of a client nobody knows, may use only a grant for all.
func (g Grant) AllowsAddress(from netip.Addr) bool {
	from = from.Unmap().WithZone("")
	return g.Prefixes == nil || slices.ContainsFunc(g.Prefixes, func(p netip.Prefix) bool { return p.Contains(from) })
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
