package forwardertest

import (
	"bytes"
	"strings"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A replayOracle watches what a subscriber gets of captures: it must be whole in itself, and
// each layer frame decodable by what came before.
type replayOracle struct {
	r         *replay
	name      codec.Name
	described bool // the subscriber has the Dependency Descriptor

	begun     bool
	seq       uint16
	timestamp uint32
	marked    bool
	last      *played // the last packet with payload
	numbers   running
	shift     running             // of what is sent to what came, since the last keyframe
	got       map[playedFrame]int // the keyframe each followed on
	keyframe  int                 // the last one
	checked   int                 // pictures that must be there
	parts     int                 // of the layer frame that goes on
	structure codec.DependencyStructure
}

// playedFrame names a layer frame that a player sent.
type playedFrame struct {
	player *player
	loop   int
	frame  int
}

func (p *played) of(frame int) playedFrame { return playedFrame{p.player, p.loop, frame} }

// packet takes the next packet; from is nil for one without payload.
func (o *replayOracle) packet(p *rtp.Packet, from *played) {
	if o.begun && p.SequenceNumber != o.seq+1 {
		o.r.fail("number %d follows %d", p.SequenceNumber, o.seq)
	}
	o.begun, o.seq = true, p.SequenceNumber
	if len(p.Payload) == 0 {
		return
	}
	if from == nil {
		o.r.fail("number %d is no packet of a publisher", p.SequenceNumber)
		return
	}
	fresh := o.last == nil || o.last.player != from.player || o.last.wire.Timestamp != from.wire.Timestamp
	o.picture(p, from, fresh)
	if from.key && fresh {
		o.keyframe++
	}
	o.follow(from)
	o.running(p, from, fresh)
	o.payload(p, from)
	o.last, o.timestamp, o.marked = from, p.Timestamp, p.Marker
}

// picture checks timestamps and markers: a picture ends with a marker, if its publisher gave it
// one, and has none before.
func (o *replayOracle) picture(p *rtp.Packet, from *played, fresh bool) {
	step := int32(p.Timestamp - o.timestamp)
	switch {
	case o.last == nil:
	case !fresh && step != 0, fresh && step <= 0:
		o.r.fail("the timestamp goes on by %d, another picture: %v", step, fresh)
	case !fresh && o.marked:
		o.r.fail("number %d follows the end of its picture", p.SequenceNumber)
	case fresh && !o.marked && o.last.marked:
		o.r.fail("the picture before number %d has no end", p.SequenceNumber)
	case fresh && from.player != o.last.player && !from.key:
		o.r.fail("goes over to another encoding without a keyframe")
	}
}

// follow checks that a layer frame goes as a whole, and that what it needs was sent.
func (o *replayOracle) follow(from *played) {
	if from.part == 0 {
		o.parts = 0
	}
	if from.part != o.parts || o.parts > 0 && (o.last == nil || o.last.of(o.last.frame) != from.of(from.frame)) {
		o.r.fail("part %d of frame %d follows part %d", from.part, from.frame, o.parts-1)
	}
	o.parts++
	if from.part > 0 {
		return
	}
	if o.last != nil && o.last.part < o.last.parts-1 {
		o.r.fail("frame %d follows one without its end", from.frame)
	}
	for _, need := range from.needs {
		if o.got[from.of(need)] != o.keyframe {
			o.r.fail("%s: frame %d of layer %d, %d needs %d, which was not sent", from.player.capture.name, from.frame, from.spatial, from.temporal, need)
		}
	}
	o.got[from.of(from.frame)] = o.keyframe
}

// whole checks that a picture sent while a layer is chosen is there in that layer, but where
// layers vanish: who got those waits for a keyframe, and what is chosen is what there is.
func (o *replayOracle) whole(p *played, chosen forwarder.Choice) {
	if p.frame < 0 || strings.HasSuffix(p.player.capture.name, "-fewer") || p.spatial != chosen.Spatial || p.temporal > chosen.Temporal {
		return
	}
	o.checked++
	if o.got[p.of(p.frame)] == 0 {
		o.r.fail("%s: frame %d of layer %d, %d was not sent to who gets %d, %d", p.player.capture.name, p.frame, p.spatial, p.temporal, chosen.Spatial, chosen.Temporal)
	}
}

// running checks the running numbers: those of VP8 go on by one, the others keep their distance
// to the publisher's, or go on by one at a keyframe.
func (o *replayOracle) running(p *rtp.Packet, from *played, fresh bool) {
	_, now := idsOf(o.name, p.Payload)
	if h, ok := codec.ParseDependencyHeader(p.GetExtension(subDescriptorID)); ok {
		now.number, now.hasFrame = h.FrameNumber, true
	}
	came := from.sent
	shift := running{id: now.id - came.id, tl0: now.tl0 - came.tl0, number: now.number - came.number}
	if o.last != nil {
		o.ids(&now, &shift, from, fresh)
	}
	if now.hasFrame != (came.hasFrame && o.described) {
		o.r.fail("number %d has a descriptor: %v", p.SequenceNumber, now.hasFrame)
	}
	o.numbers, o.shift = now, shift
	if now.hasFrame {
		o.descriptor(p, from)
	}
}

func (o *replayOracle) ids(now, shift *running, from *played, fresh bool) {
	begins := from.key && fresh
	wide := uint16(1)<<now.idBits - 1
	step, kept := (now.id-o.numbers.id)&wide, (shift.id-o.shift.id)&wide == 0
	switch {
	case now.idBits == 0:
	case !fresh && step != 0, fresh && o.name == codec.VP8 && step != 1, fresh && step > wide/2:
		o.r.fail("picture id %d after %d, another picture: %v", now.id, o.numbers.id, fresh)
	case o.name == codec.VP9 && !kept && !(begins && step == 1):
		o.r.fail("picture id %d does not keep its distance to what it needs", now.id)
	}
	base := 0
	if fresh && from.temporal == 0 {
		base = 1
	}
	if now.hasTL0 && int(now.tl0-o.numbers.tl0) != base {
		o.r.fail("TL0PICIDX %d after %d, at a picture of layer %d", now.tl0, o.numbers.tl0, from.temporal)
	}
	up := int16(now.number - o.numbers.number)
	switch {
	case !now.hasFrame:
	case from.part > 0 && up != 0, from.part == 0 && up < 1:
		o.r.fail("frame number %d after %d", now.number, o.numbers.number)
	case shift.number != o.shift.number && !(begins && up == 1):
		o.r.fail("frame number %d does not keep its distance to what it needs", now.number)
	}
}

// descriptor reads a descriptor as a receiver does: what it tells of the frame is what the
// publisher told, and some decode target that is said to be there has a use for it.
func (o *replayOracle) descriptor(p *rtp.Packet, from *played) {
	d, err := o.structure.Parse(p.GetExtension(subDescriptorID))
	if err != nil {
		o.r.fail("descriptor of number %d: %v", p.SequenceNumber, err)
		return
	}
	if d.Start != (from.part == 0) || d.Spatial != from.spatial || d.Temporal != from.temporal || int(d.ReferenceCount) != len(from.needs) {
		o.r.fail("the descriptor of number %d tells of another frame: %+v", p.SequenceNumber, d)
	}
	if !d.HasActive || from.part > 0 {
		return
	}
	for target, what := range d.Indications[:d.Targets] {
		if d.Active&(1<<target) != 0 && what != codec.NotPresent {
			return
		}
	}
	o.r.fail("number %d: the active decode targets %b have no use for its frame", p.SequenceNumber, d.Active)
}

// payload checks that the payload is what the publisher sent, but for its numbers.
func (o *replayOracle) payload(p *rtp.Packet, from *played) {
	b := bytes.Clone(p.Payload)
	if d, _ := idsOf(o.name, b); d != nil {
		d.Rewrite(b, from.sent.id, from.sent.tl0)
	}
	if !bytes.Equal(b, from.wire.Payload) {
		o.r.fail("the payload of number %d is not what the publisher sent", p.SequenceNumber)
	}
}
