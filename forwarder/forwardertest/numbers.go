package forwardertest

import "github.com/whippet-media/whippet/forwarder/codec"

// numbers are the running numbers in payloads: picture ids and TL0PICIDX.
type numbers struct {
	valid  bool
	id     uint16
	tl0    uint8
	offset int // of VP9's ids to the publisher's
}

// fresh tells whether b begins another picture than a's, or the same anew: of a keyframe
// that is begun with again the first packets may be missing.
func (b *sentRecord) fresh(a *sentRecord) bool {
	c := &b.content
	return !c.samePicture(&a.content) || c.part == 0 && c.spatial <= a.content.spatial || c.key && b.timestamp != a.timestamp
}

// packet checks the next packet of media against the one before.
func (n *numbers) packet(q *sequence, r *sentRecord, from *original) {
	if from.idAt == 0 {
		return
	}
	fresh := !n.valid || r.fresh(q.prev)
	n.picture(q, r, from, fresh)
	if from.tl0At > 0 {
		n.base(q, r, from, fresh)
	}
	n.valid = true
}

func (n *numbers) picture(q *sequence, r *sentRecord, from *original, fresh bool) {
	id := from.id(r.payload)
	offset := from.later(from.id(from.bytes), id)
	step := from.later(n.id, id)
	switch {
	case !n.valid:
	case !fresh:
		if id != n.id {
			q.fail("wire: picture id %d amid picture %d", id, n.id)
		}
	case q.o.s.w.opt.Codec == codec.VP8:
		if step < 1 || step > 1+q.holes+q.empty {
			q.fail("wire: picture id %d after %d, with %d numbers left out", id, n.id, q.holes)
		}
	case offset == n.offset && step != 0:
	case !r.content.key:
		q.fail("wire: picture id %d does not keep its distance to what it needs", id)
	case step < 1 || step > 1+q.holes+q.empty:
		q.fail("wire: picture id %d after %d, at a keyframe", id, n.id)
	}
	n.id, n.offset = id, offset
}

// base checks TL0PICIDX, which counts the pictures of temporal layer 0.
func (n *numbers) base(q *sequence, r *sentRecord, from *original, fresh bool) {
	tl0 := r.payload[from.tl0At]
	least := 0
	if fresh && r.content.temporal == 0 {
		least = 1
	}
	most := least + q.holes + q.empty
	switch {
	case !fresh:
		most = 0
	case r.content.key && q.o.s.w.opt.Codec == codec.VP9:
		most = 255 // before it there was nothing to send of some pictures
	}
	if step := int(tl0 - n.tl0); n.valid && (step < least || step > most) {
		q.fail("wire: TL0PICIDX %d after %d, at a picture of temporal layer %d", tl0, n.tl0, r.content.temporal)
	}
	n.tl0 = tl0
}
