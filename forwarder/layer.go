package forwarder

import "github.com/whippet-media/whippet/forwarder/codec"

// A layerID is a spatial and a temporal layer in one number, which is that of their
// bit in a packet's layering.
type layerID uint8

// topLayer is everything an encoding has.
const topLayer = layerID(codec.MaxSpatial*codec.MaxTemporal - 1)

func layerOf(spatial, temporal uint8) layerID {
	return layerID(min(spatial, codec.MaxSpatial-1)*codec.MaxTemporal + min(temporal, codec.MaxTemporal-1))
}

func (l layerID) spatial() uint8  { return uint8(l) / codec.MaxTemporal }
func (l layerID) temporal() uint8 { return uint8(l) % codec.MaxTemporal }
func (l layerID) bit() uint32     { return 1 << l }
func (l layerID) above() layerID  { return layerOf(l.spatial(), l.temporal()+1) }

// A target is what a down track should send: an encoding and a layer of it.
type target struct {
	enc      *Encoding // nil: the best there is
	layer    layerID
	paused   bool // nothing for now
	squeezed bool // nothing until it is reached: what is sent is far too much
	thin     bool // as few pictures as can be until it is reached: what is sent is too much
}

// A layering is where a segment stands among its encoding's layers.
type layering struct {
	id      layerID           // what is forwarded now
	as      layerID           // what the packet judged last is sent as: what was forwarded at its place
	masks   *codec.LayerMasks // of the last packet that has them; nil: none had
	refresh *Keyframe         // the last one when a spatial layer was left: pictures of it may never be whole
	highest uint64            // the highest incoming number sent or dropped; 0: none yet
	picture uint32            // the timestamp of that packet
	spatial uint8             // that packet's layer
	dropped bool              // it was dropped
	seen    bool              // picture is valid
	climbed bool              // stepped up, and nothing of the new temporal layer was sent yet
	lowest  bool              // the picture going on is of temporal layer 0, which everybody needs
	shown   bool              // something of it was sent
	barren  uint8             // of such pictures, how many in a row had nothing to send

	steps [lateSteps]step // the last ones, the newest last; zero: there was none
}

// A step is a change of layer within a segment: it began with an incoming packet, and
// holds for all of its picture.
type step struct {
	seq     uint64
	picture uint32
	from    layerID
}

// Running numbers of pictures and frames that payloads and descriptors carry, or what
// is added to incoming ones.
type numbers struct {
	picture uint16
	frame   uint16
	tl0     uint8
}

// A verdict is what becomes of a packet.
type verdict uint8

const (
	sendIt  verdict = iota // as it is
	leaveIt                // it gets no number
	emptyIt                // its number is taken: an empty packet stands for it
)

// judge decides about the next packet of the history, and moves the segment to
// another layer where that can be done with p.
func (d *DownTrack) judge(p *Packet) verdict {
	s := &d.seg.layering
	if p.Layering.Masks != nil {
		s.masks = p.Layering.Masks
	}
	if p.Seq <= s.highest {
		return d.judgeLate(p)
	}
	if len(p.Payload) == 0 { // a probe: it takes a number and is of no picture
		s.as, s.highest = s.id, p.Seq
		return sendIt
	}
	fresh := !s.seen || p.Timestamp != s.picture
	from := s.id
	if from != d.goal.layer || d.enc != d.goal.enc {
		d.stepLayer(p, fresh)
	}
	if fresh || s.id != from {
		s.id = s.narrow(p, s.id)
	}
	if s.id != from {
		copy(s.steps[:], s.steps[1:])
		s.steps[lateSteps-1] = step{p.Seq, p.Timestamp, from}
	}
	s.as = s.id
	keep := p.Layering.Needed&s.id.bit() != 0 && p.Left == 0
	if fresh {
		s.turn(p)
	}
	if !fresh && p.Layering.Spatial == s.spatial {
		keep = !s.dropped // a frame goes as a whole, whatever its packets say
	}
	if !keep {
		d.cut(p, fresh)
	} else if s.shown = true; p.Layering.Temporal == s.id.temporal() {
		s.climbed = false
	}
	s.highest, s.picture, s.seen, s.dropped, s.spatial = p.Seq, p.Timestamp, true, !keep, p.Layering.Spatial
	if keep {
		return sendIt
	}
	d.counts.Dropped++
	return leaveIt
}

// turn ends a picture where p begins the next.
func (s *layering) turn(p *Packet) {
	switch {
	case s.shown:
		s.barren = 0
	case s.lowest:
		s.barren = min(s.barren+1, mostBarren)
	}
	s.lowest, s.shown = p.Layering.Temporal == 0, false
}

// stepLayer moves towards the target: down at any new picture, to another spatial
// layer at a keyframe or where that is part of the current one, temporal layers up
// where p says that it may be done. The next step up waits for a picture of the layer
// reached: what p needs of that may be older than the step.
func (d *DownTrack) stepLayer(p *Packet, fresh bool) {
	s, goal := &d.seg.layering, d.goal.layer
	if d.enc != d.goal.enc {
		if d.goal.thin && fresh {
			d.stepPictures(0)
		}
		return
	}
	if p.Layering.Entry == codec.AllLayers {
		s.id = goal
		return
	}
	if fresh && goal.spatial() < s.id.spatial() && s.within(goal) {
		s.id = layerOf(goal.spatial(), s.id.temporal())
		s.refresh = d.enc.Keyframe()
	}
	thin := d.goal.thin && goal.spatial() < s.id.spatial()
	if fresh && thin {
		d.stepPictures(0)
	} else if fresh {
		d.stepPictures(goal.temporal())
	}
	if s.climbed || thin {
		return
	}
	for goal.temporal() > s.id.temporal() && p.Layering.Entry&s.id.above().bit() != 0 && p.travels(s.id.above()) {
		s.id, s.climbed = s.id.above(), true
	}
}

// stepPictures steps down to a temporal layer.
func (d *DownTrack) stepPictures(temporal uint8) {
	s := &d.seg.layering
	if down := layerOf(s.id.spatial(), temporal); down < s.id && (s.masks == nil || s.within(down)) {
		s.id = down
	}
}

// within tells whether all of a layer is sent with the current one.
func (s *layering) within(l layerID) bool {
	return s.masks != nil && s.masks.Within[s.id.spatial()][s.id.temporal()]&layerOf(l.spatial(), min(l.temporal(), s.id.temporal())).bit() != 0
}

// travels tells whether all of a layer comes from p's picture on: a link leaves out what
// nobody wants.
func (p *Packet) travels(l layerID) bool { return everything(p.Travels)&l.bit() != 0 }

// narrow returns a layer if it travels with p, else the best that does of what is sent with
// it, or of all if p is of a keyframe. Where there is none the segment waits for one.
func (s *layering) narrow(p *Packet, l layerID) layerID {
	if p.travels(l) {
		return l
	}
	from := within(s.masks, l)
	if p.Layering.Entry == codec.AllLayers {
		from = codec.AllLayers
	}
	return below(from&p.Travels, l)
}

// below returns the best of some layers for who wants l: with its temporal layer or a lower
// one, of its spatial layer, else of one below, else of one above; l if there is none.
func below(layers uint32, l layerID) layerID {
	for i := range uint8(codec.MaxSpatial) {
		spatial := l.spatial() - i // below
		if i > l.spatial() {
			spatial = i // above
		}
		if t := highestOf(layers&spatialBits(spatial, int(l.temporal())), spatial); t != noTemporal {
			return layerOf(spatial, uint8(t))
		}
	}
	return l
}

// needsKeyframe tells whether the track waits for one to change its spatial layer, or to
// go on with after it was squeezed, or because what it sends has ended and it cannot go on
// with less.
func (d *DownTrack) needsKeyframe() bool {
	if d.enc != d.goal.enc || d.state != running && d.state != held {
		return false
	}
	have, want := d.enc.clamp(d.seg.id), d.enc.clamp(d.goal.layer)
	if d.seg.barren == mostBarren || d.state == held {
		return true
	}
	return want.spatial() > have.spatial() || want.spatial() < have.spatial() && !d.seg.within(want)
}

// cut closes the hole p leaves, and with it what is missing between p and the packet
// dropped right before, if both are of one picture and no other layer lies between.
func (d *DownTrack) cut(p *Packet, fresh bool) {
	s := &d.seg
	if s.cuts == nil {
		s.cuts = &cutList{}
	}
	first := p.Seq
	switch {
	case s.dropped && !fresh && p.Layering.Spatial <= s.spatial+1:
		first = s.highest + 1
	case !s.dropped && s.highest+1 == first && d.unfinished():
		first++ // an unfinished frame is never followed without a gap
	}
	s.cuts.drop(first, p.Seq+1, fresh && d.enc.format.Name == codec.VP8)
}

// unfinished tells whether the last frame has no end, and nothing tells that it may come.
func (d *DownTrack) unfinished() bool {
	return !d.boundary && (d.media+1 == d.next || d.sent.get(d.media+1) != nil)
}

// judgeLate decides about a packet whose number was passed over before: it is
// sent if the rest of its frame was, and if nothing of the frame is known, if it was
// needed at its place. A frame of which something was dropped must stay incomplete
// without leaving a hole.
func (d *DownTrack) judgeLate(p *Packet) verdict {
	s := &d.seg
	if s.wasCut(p.Seq) {
		return leaveIt
	}
	s.as = s.narrow(p, s.place(p))
	switch {
	case len(p.Payload) == 0:
		return sendIt
	case p.Left > 0:
		return emptyIt
	}
	for i := uint64(1); i <= lateFrame; i++ {
		for _, q := range [2]*Packet{d.enc.hist.BySeq(p.Seq - i), d.enc.hist.BySeq(p.Seq + i)} {
			if q == nil || !p.ofFrame(q) {
				continue
			}
			if s.wasCut(q.Seq) {
				return emptyIt
			}
			switch e := d.sent.get(s.sequence(q.Seq)); {
			case e == nil:
			case e.state&sentEmpty != 0:
				return emptyIt
			default:
				s.as = e.layer
				return sendIt
			}
		}
	}
	if p.Layering.Needed&s.as.bit() == 0 {
		return emptyIt
	}
	return sendIt
}

// place returns the layer that was forwarded where p belongs.
func (s *layering) place(p *Packet) layerID {
	id := s.id
	for i := range s.steps {
		st := &s.steps[len(s.steps)-1-i]
		if p.Seq >= st.seq || p.Timestamp == st.picture {
			break
		}
		id = st.from
	}
	return id
}

// wasCut tells whether an incoming number was dropped, or is forgotten.
func (m *mapping) wasCut(in uint64) bool {
	if m.cuts == nil {
		return false
	}
	_, _, ok := m.cuts.at(in)
	return !ok
}

// align lets the segment's running numbers follow on those sent before: first is its
// first packet. A session begins with the publisher's.
func (d *DownTrack) align(first *Packet) {
	d.seg.shift = numbers{}
	if d.numbered == 0 || first == nil {
		return
	}
	l := &first.Layering
	if l.Flags&codec.HasPictureID != 0 {
		d.seg.shift.picture = d.numbers.picture + 1 - l.PictureID
	}
	if l.Flags&codec.HasTL0PicIdx != 0 {
		d.seg.shift.tl0 = d.numbers.tl0 + 1 - l.TL0PicIdx
	}
	if l.Flags&codec.HasFrameNumber != 0 {
		d.seg.shift.frame = d.numbers.frame + 1 - l.FrameNumber
	}
}

// number fills in what depends on the layer o is sent with: the marker, running
// numbers, the descriptor. It is a function of the mapping, the packet and the layer, so
// that a resend is what was sent.
func (m *mapping) number(o *OutPacket, id layerID, out *Output) {
	p := o.Packet
	l := &p.Layering
	o.Mark = p.Marker || l.Last&id.bit() != 0
	if l.Flags&(codec.HasPictureID|codec.HasTL0PicIdx) != 0 {
		o.numbers.picture, o.numbers.tl0 = l.PictureID+m.shift.picture, l.TL0PicIdx+m.shift.tl0
		if m.cuts != nil {
			_, pictures, _ := m.cuts.at(p.Seq)
			o.numbers.picture -= pictures
		}
		if o.numbers.picture != l.PictureID || o.numbers.tl0 != l.TL0PicIdx {
			o.renumber = m.enc.format
		}
	}
	if l.Flags&codec.HasFrameNumber != 0 {
		o.numbers.frame = l.FrameNumber + m.shift.frame
		if o.IDs[codec.DependencyDescriptor] != 0 {
			o.describe(id, out)
		}
	}
}

// describe replaces the packet's Dependency Descriptor where another frame number or the
// active decode targets must be told. These are told with each frame: who misses one
// would else be wrong until the next keyframe, where all are active unless it says so.
func (p *OutPacket) describe(id layerID, out *Output) {
	l := &p.Packet.Layering
	var active uint32
	var targets uint8
	if m := l.Masks; m != nil && m.Targets > 1 && l.Flags&codec.LayerStart != 0 {
		active = m.Active[id.spatial()][id.temporal()]
		if all := uint32(uint64(1)<<m.Targets - 1); active != 0 && (active != all || l.Entry != codec.AllLayers) {
			targets = m.Targets
		}
	}
	if p.numbers.frame == l.FrameNumber && targets == 0 {
		return
	}
	for i := range p.Packet.Ext {
		if e := &p.Packet.Ext[i]; e.Ext == codec.DependencyDescriptor {
			n := len(out.scratch)
			out.scratch = codec.AppendDescriptor(out.scratch, e.Data, p.numbers.frame, active, targets)
			p.descriptor = out.scratch[n:len(out.scratch):len(out.scratch)]
		}
	}
}

// follow takes the numbers of a packet that was sent. The caller sees
// to it that none with a later one was: of running numbers in 7 bits nobody can tell
// whether one that comes late is behind.
func (n *numbers) follow(o *OutPacket) {
	flags := o.Packet.Layering.Flags
	if flags&codec.HasPictureID != 0 {
		n.picture = o.numbers.picture
	}
	if flags&codec.HasTL0PicIdx != 0 {
		n.tl0 = o.numbers.tl0
	}
	if flags&codec.HasFrameNumber != 0 {
		n.frame = o.numbers.frame
	}
}
