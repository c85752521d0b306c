package link

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/relay/tree"
)

// errNoRoom: the node feeds as many links of the stream as it may, or drains.
var errNoRoom = errors.New("link: no room for another link of the stream")

// A referral is what a node says of itself and its children to one that it does not feed.
type referral struct {
	Version  int           `json:"version"`
	Node     nodeMessage   `json:"node"`
	Children []nodeMessage `json:"children,omitempty"`
}

type nodeMessage struct {
	ID    string  `json:"id"`
	URL   string  `json:"url,omitempty"`
	Depth int     `json:"depth"`
	Room  int     `json:"room"`
	Load  float64 `json:"load,omitempty"`
}

func (r *referral) self() tree.Candidate { return tree.Candidate(r.Node) }

func (r *referral) candidates() []tree.Candidate {
	var all []tree.Candidate
	for _, c := range r.Children {
		all = append(all, tree.Candidate(c))
	}
	return all
}

func (r *request) seeker() tree.Seeker {
	return tree.Seeker{ID: r.Node, Children: r.Children, Depth: r.Depth}
}

// respond answers a request: with a link, or with what there is to know of this node.
func (l *Links) respond(r *request) (status int, text []byte, err error) {
	if r.Ask {
		answer, err := l.refer(r)
		return http.StatusOK, marshal(answer), err
	}
	answer, err := l.open(r)
	if errors.Is(err, errNoRoom) {
		answer, err := l.refer(r)
		l.referred(r, answer)
		return http.StatusConflict, marshal(answer), err
	}
	return http.StatusCreated, marshal(answer), err
}

// refer says what room there is, and who else may have some.
func (l *Links) refer(r *request) (*referral, error) {
	depth, ok := l.depth(r.Stream)
	if !ok {
		return nil, stream.ErrAbsent
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	var children []tree.Candidate
	for s := range l.streams[r.Stream] {
		if s.url != "" && s.node != r.Node && !s.mute(now) {
			children = append(children, tree.Candidate{ // it says itself how much room and load there is
				ID: s.node, URL: s.url, Depth: depth + 1, Room: 1, Load: l.loadOf(s.node),
			})
		}
	}
	self := nodeMessage{Depth: depth, Room: max(l.roomLocked(r.Stream, r.Node, depth == 0), 0)}
	self.Load = max(l.loadOf(""), 1-float64(self.Room)/float64(l.cfg.MaxLinks))
	if l.cfg.Edges != nil {
		self.ID = l.cfg.Edges.cfg.Node
	}
	answer := &referral{Version: version, Node: self}
	for _, c := range tree.Refer(children, r.seeker()) {
		answer.Children = append(answer.Children, nodeMessage(c))
	}
	return answer, nil
}

// loadOf returns how busy a node is as far as that is known; "" is this one.
func (l *Links) loadOf(node string) float64 {
	if l.cfg.Load == nil {
		return 0
	}
	return l.cfg.Load(node)
}

// depth returns this node's depth in a stream's tree; false: it has not got the stream.
func (l *Links) depth(name string) (int, bool) {
	info, ok := l.cfg.Streams.Lookup(name)
	switch {
	case !ok:
		return 0, false
	case !info.Relayed:
		return 0, info.Publication != 0
	case l.cfg.Edges == nil:
		return 0, false
	}
	return l.cfg.Edges.depthOf(name)
}

func (l *Links) remove(s *served) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.links, s)
	delete(l.streams[s.stream], s)
	if len(l.streams[s.stream]) == 0 {
		delete(l.streams, s.stream)
	}
}

var errLetGo = errors.New("link: the other node is to be fed by another one")

// letGo ends the links of a stream, and waits for that.
func (l *Links) letGo(name string) {
	l.mu.Lock()
	var all []*served
	for s := range l.streams[name] {
		all = append(all, s)
	}
	l.mu.Unlock()
	for _, s := range all {
		s.end(errLetGo)
	}
	for _, s := range all {
		<-s.gone
	}
}

// Drain takes no more links of other nodes' streams, and tells the nodes that it feeds with
// such streams to look for other parents, which take over before they let go. It waits for
// that, for drainTimeout at most, or until quit ends. Who finds nobody stays until Close, and goes on looking. Links of this
// node's own publishers stay until Close and there may be new ones, since nobody else has
// those streams.
func (l *Links) Drain(quit context.Context) {
	l.mu.Lock()
	l.draining = true
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(quit, drainTimeout)
	defer cancel()
	tick := time.NewTicker(tellInterval)
	defer tick.Stop()
	for l.tellMoving() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tellMoving tells the nodes that this one feeds with others' streams to go; false: there are none.
func (l *Links) tellMoving() bool {
	l.mu.Lock()
	var all []*served
	for s := range l.links {
		all = append(all, s)
	}
	l.mu.Unlock()
	some := false
	for _, s := range all {
		if s.relayed() {
			some = true
			_ = s.peer.Load().WriteRTCP(moving[:]) // it is said again
		}
	}
	return some
}

// feed begins with the stream's media, of this node's publisher or of what it is fed with.
func (s *served) feed(r *request) (*stream.Subscription, forwarder.Description, int, error) {
	cfg := s.links.cfg
	info, _ := cfg.Streams.Lookup(r.Stream)
	if !info.Relayed || cfg.Edges == nil {
		sub, d, err := cfg.Streams.Link(r.Stream, s, r.Publisher, r.held())
		return sub, d, 0, err
	}
	depth, release, ok := cfg.Edges.adopt(r.Stream, r.seeker())
	if !ok {
		return nil, forwarder.Description{}, 0, stream.ErrAbsent
	}
	s.setRelease(release)
	sub, d, err := cfg.Streams.Relay(r.Stream, s, r.Publisher, r.held())
	return sub, d, depth, err
}

// A Child is a node that this one feeds with a stream.
type Child struct {
	Stream, Node, URL string
	Depth             int
	RTT               time.Duration // half the round trip of ICE is what a packet takes; 0: not known
	Since             time.Time
	Connected         bool
	Packets, Bytes    uint64 // of payload sent, at most a second ago, not counting resends
}

// Info returns the links that this node feeds, in no order.
func (l *Links) Info() []Child {
	l.mu.Lock()
	var all []*served
	for s := range l.links {
		all = append(all, s)
	}
	l.mu.Unlock()
	var out []Child
	for _, s := range all {
		depth, _ := l.depth(s.stream)
		c := Child{Stream: s.stream, Node: s.node, URL: s.url, Depth: depth + 1, Since: s.since, Connected: s.ready.Load()}
		if p := s.peer.Load(); p != nil {
			c.RTT = p.RTT()
		}
		if sub := s.sub.Load(); sub != nil {
			sent := sub.Counts().Link
			c.Packets, c.Bytes = sent.Packets, sent.Bytes
		}
		out = append(out, c)
	}
	return out
}

// A Parent is the node that feeds this one with a stream.
type Parent struct {
	Stream, Node, URL string
	Depth             int           // of this node; 1: the parent is the origin
	RTT               time.Duration // as of Child
	Since             time.Time
	Moving            bool   // this node looks for another parent: this one drains
	Packets, Bytes    uint64 // of RTP and RTCP received
}

// Info returns the links that feed this node, in no order.
func (e *Edges) Info() []Parent {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []Parent
	for _, x := range e.edges {
		if x.linked {
			p := x.parent
			got := p.link.peer.Stats()
			out = append(out, Parent{
				Stream: x.name, Node: p.ID, URL: p.URL, Depth: x.depth, RTT: got.RTT, Since: p.since,
				Moving: x.looking, Packets: got.PacketsReceived, Bytes: got.BytesReceived,
			})
		}
	}
	return out
}
