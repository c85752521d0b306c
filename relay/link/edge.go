package link

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/tree"
)

// An edge is one stream that this node has subscribers of: it finds the origin and keeps a
// link to it or to a node below it.
type edge struct {
	edges *Edges
	name  string
	wake  chan struct{} // capacity 1: somebody waits for an outcome, or the last one left
	look  chan struct{} // capacity 1: see Edges.Look

	// owned by run
	source    *source
	claim     *stream.Claim       // of the name on this node; nil: none
	pub       *stream.Publication // what subscribers get; nil: none
	intake    *intake             // of pub
	takeover  takeover
	publisher uint64       // whose media that is
	last      relay.Holder // where the last link went, or was to go
	from      string       // the node of the last link
	failed    int          // attempts in a row

	// owned by the search under way, else by run
	mute    string           // the node whose link was the last to bring nothing; "": none
	heardOf []tree.Candidate // whom others referred to, the last first, at most tree.MaxReferrals

	// guarded by Edges.mu
	subscribers int
	left        time.Time // when the last one did
	linked      bool
	seeking     bool // another node has the stream
	looking     bool // for another parent than the one there is
	depth       int  // of this node in the stream's tree while it is linked, and for its children after
	children    int  // links that this node feeds
	parent      parent
	formats     []codec.Format // of the link
	waiting     []chan outcome
}

// An outcome is what a subscriber that joins is told.
type outcome struct {
	formats []codec.Format // of the link; none: there is no link
	err     error
}

func newEdge(e *Edges, name string) *edge {
	return &edge{edges: e, name: name, wake: make(chan struct{}, 1), look: make(chan struct{}, 1), source: newSource()}
}

func (x *edge) poke() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// outcome waits for what comes of looking for the stream; nothing in time is no link.
func (x *edge) outcome(ctx context.Context) outcome {
	e := x.edges
	e.mu.Lock()
	if x.linked {
		defer e.mu.Unlock()
		return outcome{formats: x.formats}
	}
	told := make(chan outcome, 1)
	x.waiting = append(x.waiting, told)
	x.poke()
	e.mu.Unlock()
	select {
	case o := <-told:
		return o
	case <-ctx.Done():
		return outcome{}
	}
}

// tell gives those who wait an outcome.
func (x *edge) tell(o outcome) {
	x.edges.mu.Lock()
	defer x.edges.mu.Unlock()
	for _, w := range x.waiting {
		w <- o
	}
	x.waiting = nil
}

// run looks for the stream until nobody wants it any more.
func (x *edge) run() {
	ctx := x.edges.quit
	defer x.tell(outcome{})
	defer x.drop()
	changed, stop := x.edges.cfg.Directory.Watch(x.name)
	defer stop()
	for {
		pause := x.step(ctx, changed)
		if x.rest(ctx, changed, pause) {
			return
		}
	}
}

// rest waits until there is reason to look again; true: nobody wants the stream.
func (x *edge) rest(ctx context.Context, changed <-chan struct{}, pause time.Duration) (end bool) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		if ctx.Err() != nil || x.finish() {
			return true
		}
		select {
		case <-ctx.Done():
			return true
		case <-timer.C:
			return false
		case <-changed:
			return false
		case <-x.look:
			return false
		case <-x.wake:
			if x.awaited() {
				return false
			}
		}
	}
}

// finish ends the edge if nobody wants it: first what it has on this node, so that the next
// one finds the name free.
func (x *edge) finish() bool {
	x.edges.mu.Lock()
	wanted := x.subscribers > 0
	x.edges.mu.Unlock()
	if wanted {
		return false
	}
	x.drop()
	return x.edges.done(x)
}

// awaited tells whether a subscriber waits to be told.
func (x *edge) awaited() bool {
	x.edges.mu.Lock()
	defer x.edges.mu.Unlock()
	return len(x.waiting) > 0
}

// step looks for the stream once, and follows its link to the end, if there is one. It
// returns how long to wait before the next.
func (x *edge) step(ctx context.Context, changed <-chan struct{}) time.Duration {
	holder, err := x.lookup(ctx)
	switch {
	case errors.Is(err, relay.ErrAbsent):
		x.settle()
		return lookupInterval
	case err == nil && holder.Node == x.edges.cfg.Node:
		x.settle()
		if !x.edges.own(x.name) {
			return lookupInterval // it had, and an answer that says who has it now may have been lost
		}
		return ownInterval
	case err != nil && x.last.Node == "":
		x.unknown(err)
		x.tell(outcome{err: errors.Join(ErrUnavailable, err)})
		return x.backOff()
	case err != nil:
		x.unknown(err)
		holder = x.last // what was known serves
	}
	x.last = holder
	x.seek(true)
	if d := x.attach(ctx, holder); d != nil {
		return x.follow(ctx, d, holder, changed)
	}
	x.tell(outcome{})
	return x.backOff()
}

// settle says that there is no link to be had.
func (x *edge) settle() {
	x.drop()
	x.seek(false)
	x.last, x.failed = relay.Holder{}, 0
	x.tell(outcome{})
}

func (x *edge) seek(on bool) {
	x.edges.mu.Lock()
	defer x.edges.mu.Unlock()
	x.seeking = on
}

func (x *edge) lookup(ctx context.Context) (relay.Holder, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	return x.edges.cfg.Directory.Lookup(ctx, x.name)
}

// backOff returns the pause after one more attempt in vain: other edges make theirs too.
func (x *edge) backOff() time.Duration {
	d := min(retryLeast<<min(x.failed, 10), retryMost)
	x.failed++
	return d/2 + rand.N(d) //nolint:gosec // no secret
}

// connect opens a link below an origin and feeds what comes to the stream; an error: there
// is none.
func (x *edge) connect(ctx context.Context, to relay.Holder, s tree.Seeker) (*dialed, error) {
	e, how := x.edges, HowFirst
	d, err := x.descend(ctx, to, s)
	if err != nil {
		if errors.Is(err, errNotOrigin) {
			x.drop()
		}
		return nil, err
	}
	if x.pub != nil && x.publisher == d.answer.ID {
		if how = HowAgain; x.from != d.from.ID {
			how = HowRerouted
		}
	}
	x.source.peer.Store(d.peer)
	if !x.publish(d) {
		x.source.peer.Store(nil)
		d.close()
		return nil, errReplaced
	}
	d.feed.Store(x.intake)
	e.place(x, d)
	e.count(x, true, d.answer.Formats())
	x.opened(d, to, how)
	x.tell(outcome{formats: d.answer.Formats()})
	return d, nil
}

// publish makes a publication of what the link carries, or goes on with the one there is.
// False: a publisher of this node has the name.
func (x *edge) publish(d *dialed) bool {
	if x.pub != nil && x.publisher == d.answer.ID {
		x.pub.Resume()
		return true
	}
	x.drop()
	claim, err := x.edges.cfg.Streams.ClaimLink(x.name)
	if err != nil {
		return false
	}
	cfg := d.answer.PublisherConfig()
	cfg.SSRC = rand.Uint32() //nolint:gosec // no secret
	pub := claim.Start(x.source, cfg)
	if pub == nil {
		claim.Release()
		return false
	}
	x.claim, x.pub, x.publisher, x.intake = claim, pub, d.answer.ID, &intake{pub: pub}
	return true
}

// drop ends the publication, if there is one.
func (x *edge) drop() {
	if x.claim != nil {
		x.claim.Release()
	}
	x.claim, x.pub, x.publisher, x.intake = nil, nil, 0, nil
	select {
	case <-x.source.replaced:
	default:
	}
}

// follow stays with a link until it ends, and with the one that took over. It returns how
// long to wait before another one is opened.
func (x *edge) follow(ctx context.Context, d *dialed, holder relay.Holder, changed <-chan struct{}) time.Duration {
	var reason error
	for next := d; next != nil; {
		d = next
		reason = x.stay(ctx, d, holder, changed, time.Now())
		next = x.endTakeover(errors.Is(reason, errTaken) || errors.Is(reason, errPeer) || errors.Is(reason, errSilent))
		d.feed.Store(nil)
		if next != nil {
			x.inherit(next, holder)
		} else {
			x.edges.count(x, false, nil)
			x.source.peer.Store(nil)
		}
		d.close()
		x.closed(d, holder, endReason(reason))
	}
	if errors.Is(reason, errReplaced) {
		x.drop()
		return lookupInterval
	}
	if d.heard.Load() == 0 {
		x.mute = d.from.ID
		return x.backOff()
	}
	x.mute, x.failed = "", 0
	return 0
}

// Why a link ends.
var (
	errSilent   = errors.New("link: the other node says nothing")
	errMoved    = errors.New("link: another node has the publisher")
	errReplaced = errors.New("link: a publisher of this node has the name")
	errUnwanted = errors.New("link: nobody wants the stream")
)

// stay returns why the link ended, or must.
func (x *edge) stay(ctx context.Context, d *dialed, holder relay.Holder, changed <-chan struct{}, begun time.Time) error {
	probe := time.NewTicker(probeInterval)
	defer probe.Stop()
	for {
		select {
		case <-ctx.Done():
			return ErrClosed
		case <-d.ended:
			return errPeer
		case <-x.source.replaced:
			return errReplaced
		case <-changed:
			if now, err := x.lookup(ctx); err == nil && !now.Same(holder) {
				return errMoved
			}
		case found := <-x.takeover.found:
			x.take(time.Now(), found)
		case <-x.wake: // the next probe looks who is left
		case now := <-probe.C:
			d.probe()
			x.follows(d)
			switch {
			case d.silent(now, begun):
				return errSilent
			case x.unwanted(now):
				return errUnwanted
			case x.turn(ctx, now, d, holder):
				return errTaken
			}
		}
	}
}

// unwanted tells whether the last subscriber left long enough ago.
func (x *edge) unwanted(now time.Time) bool {
	x.edges.mu.Lock()
	defer x.edges.mu.Unlock()
	return x.subscribers == 0 && now.Sub(x.left) >= x.edges.cfg.Linger
}
