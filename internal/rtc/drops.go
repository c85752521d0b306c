package rtc

import "sync/atomic"

// A DropReason says why a packet from the network was thrown away unread.
type DropReason uint8

// The reasons.
const (
	DropUnknownClass     DropReason = iota // first byte is none of STUN, DTLS, SRTP (RFC 7983)
	DropOversize                           // larger than anything we negotiate
	DropMalformedSTUN                      // a request without a USERNAME we can read
	DropUnknownUfrag                       // a request for no session of ours, or for a restarted one
	DropBadIntegrity                       // a request from a new address that does not know the password
	DropUnknownAddress                     // anything else from an address that no request came from
	DropTooManyAddresses                   // a session that uses too many addresses
	DropUnwantedSTUN                       // Binding indications and errors: anybody may have sent them
	DropQueueFull                          // the session does not keep up

	dropReasons // their number
)

var dropNames = [dropReasons]string{
	"unknown-class", "oversize", "malformed-stun", "unknown-ufrag",
	"bad-integrity", "unknown-address", "too-many-addresses", "unwanted-stun", "queue-full",
}

// String returns the reason as a metrics label.
func (r DropReason) String() string { return dropNames[min(r, dropReasons-1)] }

// DropReasons lists all reasons.
func DropReasons() []DropReason {
	all := make([]DropReason, dropReasons)
	for i := range all {
		all[i] = DropReason(i)
	}
	return all
}

type drops [dropReasons]atomic.Uint64

func (d *drops) count(r DropReason) { d[r].Add(1) }
