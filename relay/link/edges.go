package link

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/tree"
)

// A Directory says which node a stream's publisher is on, and when that may have changed.
// See [relay.Directory].
type Directory interface {
	Lookup(ctx context.Context, stream string) (relay.Holder, error)
	Watch(stream string) (changed <-chan struct{}, stop func())
	Now() time.Time
}

// An EdgesConfig says what the edge's side stands on. Directory, Streams, Node, Secret,
// HTTP and Listen are required; none is closed by this package.
type EdgesConfig struct {
	Directory Directory
	Streams   *stream.Registry
	Node      string // this one's id in the directory
	URL       string // how other nodes reach this one; "": it feeds no other nodes
	Secret    relay.Secret
	HTTP      *http.Client

	// Listen opens a UDP socket of any port for a link.
	Listen func() (net.PacketConn, error)
	// Net and Announce are as in [rtc.Config].
	Net      transport.Net
	Announce []netip.AddrPort

	// Nodes returns the other nodes of the cluster as last known: asked where a stream's origin
	// cannot be reached. It must return at once. nil: none is known.
	Nodes func() []tree.Candidate

	Linger time.Duration // how long a link stays without a subscriber; 0: DefaultLinger
	Log    *slog.Logger  // nil: nothing is logged
}

// What Join refuses.
var (
	// ErrUnavailable: the directory does not answer, and nothing is known of the stream. A
	// retry can help.
	ErrUnavailable = errors.New("link: the directory does not answer")
	// ErrClosed: the Edges were closed.
	ErrClosed = errors.New("link: closed")
	// ErrFull: this node looks for as many streams as it may.
	ErrFull = errors.New("link: too many streams")
)

// Edges are the links that feed this node. It is safe for concurrent use.
type Edges struct {
	cfg  EdgesConfig
	quit context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup // edges

	feeds atomic.Pointer[Links] // the links that this node feeds; nil: none

	// mu guards the fields below, and those of each edge that say so.
	mu     sync.Mutex
	edges  map[string]*edge
	links  int // open ones
	counts Counts
	closed bool
}

// NewEdges returns the edge's side without a link. Close it before what it stands on.
func NewEdges(cfg EdgesConfig) *Edges {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Linger == 0 {
		cfg.Linger = DefaultLinger
	}
	e := &Edges{cfg: cfg, edges: map[string]*edge{}, counts: newCounts()}
	e.quit, e.stop = context.WithCancel(context.Background())
	return e
}

// Close ends all links and waits for that.
func (e *Edges) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.stop()
	e.wg.Wait()
}

// Count returns how many streams this node looks for, and how many links it has.
func (e *Edges) Count() (streams, links int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.edges), e.links
}

// Seeking returns how many streams another node has, as far as is known, and this one has
// subscribers of and no link.
func (e *Edges) Seeking() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, x := range e.edges {
		if x.seeking && !x.linked {
			n++
		}
	}
	return n
}

// Counts returns what was counted of the links that feed this node.
func (e *Edges) Counts() Counts {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts.clone()
}

func (e *Edges) opened(how How) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.Opened[how]++
}

func (e *Edges) ended(why Reason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.Ended[why]++
}

func (e *Edges) failed(why Reason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.Failed[why]++
}

// Join lets a subscriber of this node have a stream, wherever its publisher is, until it
// calls leave, once or more often. It returns soon: with the formats that come over the
// link, without any where this node has the publisher or nobody has. Then media comes
// when somebody publishes. ErrUnavailable, ErrClosed and ErrFull leave nothing behind.
func (e *Edges) Join(ctx context.Context, name string) (formats []codec.Format, leave func(), err error) {
	x, err := e.enter(name)
	if err != nil {
		return nil, nil, err
	}
	leave = sync.OnceFunc(func() { e.leave(x) })
	if e.own(name) {
		return nil, leave, nil // whether or not the directory answers
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	o := x.outcome(ctx)
	if errors.Is(o.err, ErrUnavailable) {
		leave()
		return nil, nil, o.err
	}
	return o.formats, leave, nil
}

// Look lets a stream be looked for at once: this node has just lost it to another one, or given it
// back. The directory told so before this node knew, when the answer still was the node itself.
func (e *Edges) Look(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.edges[name]
	if x == nil {
		return
	}
	select {
	case x.look <- struct{}{}:
	default:
	}
}

// own tells whether this node has the stream's publisher.
func (e *Edges) own(name string) bool {
	info, ok := e.cfg.Streams.Lookup(name)
	return ok && info.Live() && !info.Relayed
}

// enter adds a subscriber to a stream's edge, which begins with it.
func (e *Edges) enter(name string) (*edge, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.edges[name]
	switch {
	case e.closed:
		return nil, ErrClosed
	case x == nil && len(e.edges) >= maxStreams:
		return nil, ErrFull
	case x == nil:
		x = newEdge(e, name)
		e.edges[name] = x
		e.wg.Go(x.run)
	}
	x.subscribers++
	return x, nil
}

func (e *Edges) leave(x *edge) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x.subscribers--
	if x.subscribers == 0 {
		x.left = time.Now()
		x.poke()
	}
}

// done tells whether nobody wants the edge any more, and forgets it then.
func (e *Edges) done(x *edge) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if x.subscribers > 0 {
		return false
	}
	delete(e.edges, x.name)
	return true
}

// count notes that an edge has a link, and what that carries, or that it has none.
func (e *Edges) count(x *edge, linked bool, formats []codec.Format) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x.formats = formats
	if x.linked == linked {
		return
	}
	x.linked = linked
	if linked {
		e.links++
	} else {
		e.links--
	}
}
