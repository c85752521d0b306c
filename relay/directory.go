package relay

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What a Directory refuses.
var (
	// ErrHeld: another node's lease stands in the way. The error is a [*HeldError].
	ErrHeld = errors.New("relay: another node holds the stream")
	// ErrAbsent: nobody holds the stream.
	ErrAbsent = errors.New("relay: nobody holds the stream")
	// ErrUnavailable: the directory gave no answer; what was asked for may have been done
	// nevertheless. The error wraps the cause. A retry can help.
	ErrUnavailable = errors.New("relay: the directory does not answer")
)

// A Holder is the node that a stream's publisher is on.
type Holder struct {
	Node string // its id
	URL  string // how other nodes reach it, without a slash at the end

	// Epoch is the fencing number of its lease, positive. It names one publisher: the next
	// one of the stream has a greater one, on whatever node. A directory gives out every
	// 1,024th: those up to the next are for publishers that the holder's node accepts while
	// the directory is away, so that no other node has them too.
	Epoch int64
}

// Beats tells whether h is the origin where both claim to be: it has the higher epoch, or
// on equal ones the greater node id. Nothing beats itself.
func (h Holder) Beats(o Holder) bool {
	if h.Epoch != o.Epoch {
		return h.Epoch > o.Epoch
	}
	return h.Node > o.Node
}

// Same tells whether both are the same lease.
func (h Holder) Same(o Holder) bool { return h.Epoch == o.Epoch && h.Node == o.Node }

// Provisional tells whether the epoch was made without a directory. It is less than every
// epoch of a directory, and no directory ever holds it.
func (h Holder) Provisional() bool { return h.Epoch < provisionalEpochs }

// A HeldError says who holds the stream. It is an [ErrHeld].
type HeldError struct {
	Holder Holder
	// Left is the rest of the lease's life; 0 if it has ended, which keeps a Renew from
	// succeeding and no Claim.
	Left time.Duration
}

// Error names the holder.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%v: %s, epoch %d", ErrHeld, e.Holder.Node, e.Holder.Epoch)
}

// Is makes the error an ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// A Lease is a node's claim, in the directory, to be the origin of one stream.
type Lease struct {
	Stream string
	Holder

	// Expires is when the lease ends unless it is renewed, on this node's monotonic clock;
	// for the directory it ends a little later.
	Expires time.Time
}

// A Claim asks for the lease of a stream.
type Claim struct {
	Stream string
	Node   string // of the claimant
	URL    string

	// Last is the greatest epoch of the stream the claimant knows of, 0 if none: the new
	// one will be greater.
	Last int64

	// Over is the epoch of a lease that may be replaced before it ends, 0 for none. If
	// another one has taken its place meanwhile, the claim is refused.
	Over int64
}

// A Renewal is what became of one lease of [Directory.Renew].
type Renewal struct {
	// Lease is the one that was to be renewed; if it was, with its new end.
	Lease Lease
	// Err is nil if it was renewed; a *HeldError if something that beats it is
	// remembered, or its own release: it is lost; else an ErrUnavailable.
	Err error
}

// A NodeInfo is what a node tells the others about itself.
type NodeInfo struct {
	ID  string `json:"id"`
	URL string `json:"url"`
	// PublicURL is how clients reach it, without a slash at the end; "": not told, and
	// no client is sent there.
	PublicURL string `json:"public_url,omitempty"`
	Version   string `json:"version,omitempty"`
	// Load is how busy the node is, from 0, idle, to 1, full.
	Load float64 `json:"load"`
	// Draining nodes want no new sessions and no new links.
	Draining bool `json:"draining,omitempty"`
	// Sessions is how many it has, of publishers and subscribers.
	Sessions int `json:"sessions,omitempty"`
	// Announced is when it said so, on the directory's clock, Unix time in milliseconds.
	Announced int64 `json:"announced,omitempty"`
}

// A Directory knows which node holds each stream, and which nodes there are. It is safe
// for concurrent use. Every call returns when ctx is done, with an ErrUnavailable, and a
// directory over a network bounds each by itself, too. Names and ids are not checked.
type Directory interface {
	// Claim takes a stream whose lease has ended, was never given, or is the one named in
	// Over. Else it returns a *HeldError.
	Claim(ctx context.Context, c Claim) (Lease, error)

	// Renew prolongs leases, also such as the directory has forgotten or as have ended, if
	// nothing that beats them is remembered and they were not released. The result has one entry for each lease, in
	// their order, also with an error, which is that of the first that got no answer.
	Renew(ctx context.Context, leases []Lease) ([]Renewal, error)

	// Release ends leases now. Those that were lost are left alone, which is no error.
	Release(ctx context.Context, leases []Lease) error

	// Lookup returns who holds a stream, or ErrAbsent.
	Lookup(ctx context.Context, stream string) (Holder, error)

	// Watch returns a channel that gets a value when the stream's holder may have changed:
	// it was claimed, re-claimed with another epoch or released, or changes may have been
	// missed. The first comes once the watch is in force: what changes after a look-up that
	// follows it is told. Values that nobody reads are one. A lease that merely ends makes
	// none, and one may be lost: look up now and then as well. Watch does not block. stop
	// ends it and may be called again; the channel is never closed.
	Watch(stream string) (changed <-chan struct{}, stop func())

	// AnnounceNode tells the others about a node, for a few seconds.
	AnnounceNode(ctx context.Context, n NodeInfo) error

	// Nodes returns the nodes that have announced themselves of late, by id.
	Nodes(ctx context.Context) ([]NodeInfo, error)

	// PutRevocations keeps revocations for all nodes until they are over, each joined with
	// what there is about the same; those that are over are left out. Up to 10,000 are kept;
	// of more, those are forgotten that were taken back, then those that end first.
	PutRevocations(ctx context.Context, all []Revocation) error

	// ReadRevocations returns those that were put or changed after a cursor. While nothing
	// was, that costs the same however many there are.
	ReadRevocations(ctx context.Context, c RevocationCursor) (RevocationPage, error)

	// WatchRevocations is Watch for them: the channel gets a value when there may be some to
	// read.
	WatchRevocations() (changed <-chan struct{}, stop func())

	// Now returns the directory's clock as far as it is known: all nodes of a cluster
	// agree on it but for a network delay, whatever their own clocks say. Before the first
	// answer it is the node's own.
	Now() time.Time
}
