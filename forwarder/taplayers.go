package forwarder

import (
	"encoding/binary"
	"math/bits"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// Of an encoding in layers a link carries whole those that somebody at the far end wants.
// Of packets that only other layers need it carries a stub: the RTP header, the values of
// extensions, and as much of the payload as tells the layer. So the far end's numbers are the
// origin's, without a hole, and its subscribers are sent numbers that close where it is a stub,
// as where a layer is left out at the origin.
//
// A link becomes narrower at any new picture: nobody is on what is left out. It becomes wider by
// temporal layers where they may be entered, one at a time, and by spatial ones with a
// keyframe. Each packet of a narrow one says what travels, so that a subscriber steps up where
// that does.

// turn lets the link of an encoding become narrower where p begins a picture, and wider
// where p says so, which may be with a later spatial layer of it.
func (s *tapStream) turn(p *Packet) {
	if s.enc.format.Name.Kind() != codec.Video || len(p.Payload) == 0 || p.Seq <= s.highest {
		return
	}
	fresh := !s.begun || p.Timestamp != s.picture
	s.begun, s.picture = true, p.Timestamp
	if p.Layering.Masks != nil {
		s.masks = p.Layering.Masks
	}
	switch {
	case s.want == codec.AllLayers && (s.travels == 0 || p.Layering.Entry == codec.AllLayers):
		s.travels = 0
	case fresh:
		if next := s.next(p); next != 0 { // else nothing that is wanted can be had before a keyframe
			s.travels = next
		}
	case s.travels != 0 && p.Layering.Entry != 0:
		s.travels |= s.next(p)
	}
}

// next returns the layers that are wanted, or needed for those, and can travel from p on.
func (s *tapStream) next(p *Packet) uint32 {
	var next uint32
	for spatial := range uint8(codec.MaxSpatial) {
		if l, ok := s.reach(spatial, p); ok {
			next |= within(s.masks, l)
		}
	}
	return next
}

// reach returns the highest wanted temporal layer of a spatial one that can travel from p
// on; false if there is none.
func (s *tapStream) reach(spatial uint8, p *Packet) (layerID, bool) {
	wanted := highestOf(s.want, spatial)
	came := everything(p.Travels)
	have := everything(s.travels)
	if p.Layering.Entry == codec.AllLayers {
		have = codec.AllLayers
	}
	l := highestOf(have&came&spatialBits(spatial, wanted), spatial)
	if l == noTemporal {
		return 0, false
	}
	id := layerOf(spatial, uint8(l))
	for int(id.temporal()) < wanted && came&p.Layering.Entry&id.above().bit() != 0 {
		id = id.above()
	}
	return id, true
}

// noTemporal is what highestOf returns where there is none.
const noTemporal = -1

// highestOf returns the highest temporal layer of a spatial one among some.
func highestOf(layers uint32, spatial uint8) int {
	return bits.Len8(uint8(layers>>(spatial*codec.MaxTemporal))) - 1
}

// spatialBits are the layers of a spatial one up to a temporal one.
func spatialBits(spatial uint8, temporal int) uint32 {
	return (1<<(temporal+1) - 1) << (spatial * codec.MaxTemporal)
}

// everything reads 0, which stands for all layers.
func everything(layers uint32) uint32 {
	if layers == 0 {
		return codec.AllLayers
	}
	return layers
}

// within returns all layers that a receiver of one has got whole: without masks there are
// only temporal ones.
func within(masks *codec.LayerMasks, l layerID) uint32 {
	own := spatialBits(l.spatial(), int(l.temporal()))
	if masks == nil {
		for spatial := range uint8(codec.MaxSpatial) {
			own |= spatialBits(spatial, int(l.temporal()))
		}
		return own
	}
	return own | masks.Within[l.spatial()][l.temporal()]
}

// leaves tells whether only a stub of p is sent.
func (s *tapStream) leaves(p *Packet) bool {
	return s.travels != 0 && len(p.Payload) > stubBytes && p.Layering.Needed&s.travels == 0
}

// travelsWith is what is told to travel with p: no more than came here.
func (s *tapStream) travelsWith(p *Packet) uint32 {
	if both := everything(p.Travels) & everything(s.travels); both != codec.AllLayers {
		if both == 0 {
			return p.Travels // soon what is wanted: this node wants what its far ends do
		}
		return both
	}
	return 0
}

// wantedLayers takes which layers of encodings the far end wants: all of those that are not
// in the list.
func (t *Tap) wantedLayers(list []byte) {
	for _, s := range t.streams {
		s.want = codec.AllLayers
		for b := list; len(b) >= 8; b = b[8:] {
			if binary.BigEndian.Uint32(b) == s.enc.id {
				s.want = everything(binary.BigEndian.Uint32(b[4:]))
			}
		}
	}
}
