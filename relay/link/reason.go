package link

import (
	"errors"
	"maps"

	"github.com/whippet-media/whippet/internal/stream"
)

// A Reason is why a link ended or could not be had: a fixed word, for logs and metrics.
type Reason string

// Why a link ended.
const (
	ReasonClosed    Reason = "closed"          // the other node has closed it, or cannot be reached any more
	ReasonSilent    Reason = "silent"          // nothing comes from the other node
	ReasonMoved     Reason = "moved"           // the publisher is on another node, or is another one
	ReasonReplaced  Reason = "replaced"        // a publisher of this node has the name
	ReasonUnwanted  Reason = "unwanted"        // nobody wants the stream here any more
	ReasonTakenOver Reason = "taken-over"      // the parent drains, and another one has taken over
	ReasonLetGo     Reason = "let-go"          // a child is to look for another parent
	ReasonNever     Reason = "never-connected" // a child asked and did not connect
	ReasonEnded     Reason = "ended"           // the stream has ended, or cannot be sent any more
	ReasonShutdown  Reason = "shutdown"        // this node closes
)

// Why a link could not be had.
const (
	ReasonFull        Reason = "no-room"     // no node that was asked has room, or may take this one
	ReasonNotOrigin   Reason = "not-origin"  // the node does not have the stream (any more)
	ReasonRefused     Reason = "refused"     // the node answered with an error
	ReasonForged      Reason = "forged"      // the answer is not of this cluster
	ReasonUnreachable Reason = "unreachable" // there was no answer
)

// EndReasons returns the words that [Counts.Ended] counts by.
func EndReasons() []Reason {
	return []Reason{
		ReasonClosed, ReasonSilent, ReasonMoved, ReasonReplaced, ReasonUnwanted, ReasonTakenOver,
		ReasonLetGo, ReasonNever, ReasonEnded, ReasonShutdown,
	}
}

// FailReasons returns the words that [Counts.Failed] counts by.
func FailReasons() []Reason {
	return []Reason{ReasonFull, ReasonNotOrigin, ReasonRefused, ReasonForged, ReasonUnreachable, ReasonReplaced, ReasonShutdown}
}

// endReason returns the word for what ended a link.
func endReason(err error) Reason {
	return wordOf(err, ReasonEnded, map[error]Reason{
		errPeer: ReasonClosed, errSilent: ReasonSilent, errMoved: ReasonMoved, errReplaced: ReasonReplaced,
		errUnwanted: ReasonUnwanted, errTaken: ReasonTakenOver, errLetGo: ReasonLetGo, errNeverConnected: ReasonNever,
		errClosing: ReasonShutdown, ErrClosed: ReasonShutdown, stream.ErrClosed: ReasonShutdown,
	})
}

// failReason returns the word for why there was no link.
func failReason(err error) Reason {
	return wordOf(err, ReasonUnreachable, map[error]Reason{
		errNoParent: ReasonFull, errNotOrigin: ReasonNotOrigin, errRefused: ReasonRefused, errMessage: ReasonRefused,
		errForged: ReasonForged, errReplaced: ReasonReplaced, ErrClosed: ReasonShutdown,
	})
}

func wordOf(err error, other Reason, words map[error]Reason) Reason {
	for known, word := range words {
		if errors.Is(err, known) {
			return word
		}
	}
	return other
}

// A How is the way a node came to a link: a fixed word.
type How string

// The ways.
const (
	HowFirst    How = "first"      // nothing of the publisher was here
	HowAgain    How = "again"      // to the same node as before, for the same publisher
	HowRerouted How = "rerouted"   // to another node, for the same publisher
	HowMoved    How = "taken-over" // another node took over from one that drains
)

// Hows returns all ways.
func Hows() []How { return []How{HowFirst, HowAgain, HowRerouted, HowMoved} }

// Counts are what was counted of links since the start. The maps are the caller's.
type Counts struct {
	Opened map[How]uint64    // links that feed this node; of those it feeds all count as first
	Ended  map[Reason]uint64 // both
	Failed map[Reason]uint64 // attempts of this node to get one
	// Referred counts those who asked in vain and were referred to children.
	Referred uint64
}

func newCounts() Counts {
	return Counts{Opened: map[How]uint64{}, Ended: map[Reason]uint64{}, Failed: map[Reason]uint64{}}
}

func (c *Counts) clone() Counts {
	return Counts{maps.Clone(c.Opened), maps.Clone(c.Ended), maps.Clone(c.Failed), c.Referred}
}
