package link

import (
	"bytes"
	"encoding/binary"

	"github.com/whippet-media/whippet/relay/tree"
)

// A node whose parent has come nearer to the origin is so, too. It is told over the link, and tells
// those below it; else the depths of a tree that was repaired often would be much greater than the tree is deep,
// until nodes with room could take nobody. A depth that is told is always the lesser one, so
// what package tree says of loops holds at every moment, however late the word comes.

// nearerType is the type of the RTCP APP packet, of the forwarder's name, with a depth of 32 bits.
// Types below 16 are the forwarder's.
const nearerType = 16

var nearerHead = [...]byte{2<<6 | nearerType, 204, 0, 3, 0, 0, 0, 0, 'W', 'H', 'P', 'T'}

// nearer says that this node's depth is so much now.
func nearer(depth int) []byte {
	return binary.BigEndian.AppendUint32(nearerHead[:len(nearerHead):len(nearerHead)], uint32(depth)) //nolint:gosec // 0 to tree.MaxDepth
}

// nearerOf reads a parent's depth; false: the packet says something else.
func nearerOf(packet []byte) (depth int, ok bool) {
	if len(packet) != len(nearerHead)+4 || !bytes.HasPrefix(packet, nearerHead[:]) {
		return 0, false
	}
	depth = int(binary.BigEndian.Uint32(packet[len(nearerHead):]))
	return depth, depth < tree.MaxDepth
}

// tellDepth tells the far end, which has just said something, if this node is nearer to the origin than
// it was.
func (s *served) tellDepth() {
	if !s.relayed() {
		return // the origin is as near as can be
	}
	depth, ok := s.links.cfg.Edges.standing(s.stream)
	if ok && s.mustTell(depth) {
		_ = s.peer.Load().WriteRTCP(nearer(depth))
	}
}

// mustTell tells whether the far end should be told this depth: depthTellings times for each that is
// less than the one before, since packets are lost.
func (s *served) mustTell(depth int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if depth < s.known {
		s.known, s.untold = depth, depthTellings
	}
	if s.untold == 0 {
		return false
	}
	s.untold--
	return true
}

// standing returns this node's depth in a stream's tree, whether or not it takes children now; false:
// it has no parent.
func (e *Edges) standing(name string) (int, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.edges[name]
	if x == nil || !x.linked {
		return 0, false
	}
	return x.depth, true
}

// follows notes that the parent is nearer to the origin than it was. While the node looks for another
// parent its depth is the one it said in that search.
func (x *edge) follows(d *dialed) {
	above := d.nearer.Load()
	if above == nil {
		return
	}
	x.edges.mu.Lock()
	defer x.edges.mu.Unlock()
	if x.linked && !x.looking && x.parent.link == d && *above+1 < x.depth {
		x.depth, x.parent.Depth = *above+1, *above
	}
}
