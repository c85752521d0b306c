package forwarder

import (
	"encoding/binary"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// Of an encoding in layers a link carries whole those that somebody at the far end wants.
// Of packets that only other layers need it carries a stub: the RTP header, the values of
// extensions, and as much of the payload as tells the layer. So the far end's numbers are the
// origin's, without a hole, and its subscribers are sent numbers that close where it is a stub,
// as where a layer is left out at the origin.
//
// A link becomes narrower at any new picture: nobody is on what is left out. It becomes wider by
// temporal layers with a picture that may be entered, and by spatial ones with a keyframe. Each
// packet of a narrow one says what travels, so that a subscriber steps up where that does.

// turn lets the link of an encoding become narrower, or wider, where p begins a picture.
func (s *tapStream) turn(p *Packet) {
	if s.enc.format.Name.Kind() != codec.Video || len(p.Payload) == 0 || s.begun && p.Timestamp == s.picture || p.Seq <= s.highest {
		return
	}
	s.begun, s.picture = true, p.Timestamp
	switch {
	case s.travels == 0 && s.want == codec.AllLayers:
		return
	case p.Layering.Entry == codec.AllLayers:
		s.travels = s.want
	case s.travels == 0:
		s.travels = s.want
	default:
		s.travels = s.travels&s.want | s.entered(p)
	}
	if s.travels == codec.AllLayers {
		s.travels = 0
	}
}

// entered are the wanted layers that a receiver of one that travels enters with p.
func (s *tapStream) entered(p *Packet) uint32 {
	var in uint32
	for l := range topLayer + 1 {
		if s.want&p.Layering.Entry&l.bit() != 0 && l.temporal() > 0 && s.travels&spatialBits(l.spatial()) != 0 {
			in |= l.bit()
		}
	}
	return in
}

// spatialBits are all layers of a spatial one.
func spatialBits(spatial uint8) uint32 {
	return (1<<codec.MaxTemporal - 1) << (spatial * codec.MaxTemporal)
}

// leaves tells whether only a stub of p is sent.
func (s *tapStream) leaves(p *Packet) bool {
	return s.travels != 0 && len(p.Payload) > stubBytes && p.Layering.Needed&s.travels == 0
}

// travelsWith is what is told to travel with p: no more than came here.
func (s *tapStream) travelsWith(p *Packet) uint32 {
	switch {
	case p.Travels == 0:
		return s.travels
	case s.travels == 0:
		return p.Travels
	}
	if both := p.Travels & s.travels; both != 0 {
		return both
	}
	return s.travels // soon so: this node wants what its far ends do
}

// wantedLayers takes which layers of encodings the far end wants: all of those that are not
// in the list.
func (t *Tap) wantedLayers(list []byte) {
	for _, s := range t.streams {
		s.want = codec.AllLayers
		for b := list; len(b) >= 8; b = b[8:] {
			if binary.BigEndian.Uint32(b) == s.enc.id {
				s.want = binary.BigEndian.Uint32(b[4:])
			}
		}
		if s.want == 0 {
			s.want = codec.AllLayers
		}
	}
}
