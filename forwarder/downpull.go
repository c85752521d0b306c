package forwarder

import (
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// take returns the next packet to send, or nil if none may be sent now.
func (d *DownTrack) take(now time.Time, out *Output, w *wide) *Packet {
	if d.state != running && d.state != showing {
		return nil
	}
	if key := d.seg.keyframe; key != nil && d.seg.supplied < len(key.parameters) {
		d.seg.supplied++
		return key.parameters[d.seg.supplied-1]
	}
	if d.state == showing {
		return d.takeStill()
	}
	return d.takeNew(now, out, w)
}

// takeNew returns the next packet of the history.
func (d *DownTrack) takeNew(now time.Time, out *Output, w *wide) *Packet {
	for {
		p := d.enc.hist.At(d.pos)
		if p == nil {
			if d.pos < d.enc.hist.Tail() {
				d.fallBehind(nil, out)
			}
			return nil
		}
		if d.tooLate(p) {
			d.counts.Late++
			d.pos++
			continue
		}
		if !d.may(now, p, out) || d.kind == codec.Video && !w.ready(out) {
			return nil
		}
		d.pos++
		if d.kind == codec.Audio {
			return p
		}
		switch d.judge(p) {
		case sendIt:
			return p
		case emptyIt:
			d.empty(now, p, out, w)
		}
	}
}

// empty uses a number for nothing: what should have come under it is not needed.
func (d *DownTrack) empty(now time.Time, p *Packet, out *Output, w *wide) {
	d.counts.Dropped++
	seq := d.seg.sequence(p.Seq)
	timestamp, early := d.seg.timestamp(p.Timestamp)
	e := sentPacket{at: d.ms, state: sentBit | sentEmpty}
	if early {
		e.state |= sentEarly
	}
	d.next = max(d.next, seq+1)
	if after(timestamp, d.lastTS) {
		d.lastTS, d.lastAt = timestamp, now
	}
	d.put(seq, e, &OutPacket{Packet: p, Timestamp: timestamp, Empty: true, FirstPayload: true}, out, w)
}

// tooLate tells whether p must not be sent any more: it is from before the
// segment, or so late that its number may have been used.
func (d *DownTrack) tooLate(p *Packet) bool {
	s := &d.seg
	if s.base == 0 {
		return false // audio that begins: any number will do
	}
	if s.tooLate(p) {
		return true
	}
	if p.Seq > s.highest && d.kind == codec.Video && s.highest != 0 {
		return false
	}
	if s.wasCut(p.Seq) {
		return true
	}
	seq := s.sequence(p.Seq)
	return seq < d.next && !d.sent.free(seq)
}

func (d *DownTrack) takeStill() *Packet {
	for d.still < len(d.seg.still.packets) {
		d.still++
		if p := d.seg.still.packets[d.still-1]; d.judge(p) == sendIt {
			return p
		}
	}
	d.state = waiting
	return nil
}

// may tells whether p may be sent yet: while catching up, at its planned
// departure and not too far ahead of feedback.
func (d *DownTrack) may(now time.Time, p *Packet, out *Output) bool {
	s := &d.seg
	if !s.catching {
		s.settle(now)
		return true
	}
	if now.Sub(s.start) > catchUpMost {
		d.fallBehind(s.keyframe, out)
		return false
	}
	if at := s.departure(p.Timestamp); at.After(now) {
		out.due(at)
		return false
	}
	if d.unacked() >= s.window() {
		return d.stalled(now, out)
	}
	d.stall = time.Time{}
	s.catching = !s.caughtUp(p.Timestamp)
	return true
}

// unacked is how many packets of the segment are ahead of feedback.
func (d *DownTrack) unacked() uint64 {
	from := max(d.acked, d.seg.out)
	if d.next <= from {
		return 0
	}
	return d.next - from
}

// stalled waits for feedback a bounded time; then live from the next keyframe.
func (d *DownTrack) stalled(now time.Time, out *Output) bool {
	if d.stall.IsZero() {
		d.stall = now
	}
	if now.Sub(d.stall) >= catchUpStall {
		d.fallBehind(d.seg.keyframe, out)
		return false
	}
	out.due(d.stall.Add(catchUpStall))
	return false
}

// fallBehind gives up the position; the track goes on at the next keyframe after
// the given one, which may be nil.
func (d *DownTrack) fallBehind(last *Keyframe, out *Output) {
	d.counts.Skips++
	d.stall = time.Time{}
	if d.kind == codec.Audio {
		d.pos = d.enc.hist.Head()
		return
	}
	d.state = waiting
	d.freezes.begin(d.lastAt)
	d.seg.keyframe = last
	out.Wishes = append(out.Wishes, d.enc)
}

// send appends p under the track's own numbers.
func (d *DownTrack) send(now time.Time, p *Packet, out *Output, w *wide) {
	seq := d.sequence(p)
	timestamp, early := d.seg.timestamp(p.Timestamp)
	e := sentPacket{at: d.ms, state: sentBit, layer: d.seg.as}
	if early {
		e.state |= sentEarly
	}
	o := d.put(seq, e, &OutPacket{Packet: p, Timestamp: timestamp, FirstPayload: true}, out, w)
	if d.kind == codec.Video {
		w.pacer.Allow(now, len(p.Payload)+packetOverhead)
	}
	d.note(now, seq, o)
}

// put appends a packet under a number that is free, and remembers it.
func (d *DownTrack) put(seq uint64, e sentPacket, p *OutPacket, out *Output, w *wide) *OutPacket {
	e.transport = w.number(d, p.Payload(), false)
	d.sent.put(seq, e)
	o := out.add()
	*o = *p
	o.IDs, o.SSRC, o.PayloadType, o.Seq, o.TransportSeq = &d.ids, d.ssrc, d.seg.pt, uint16(seq), e.transport
	if d.kind == codec.Video && !o.Empty {
		d.seg.number(o, e.layer, out)
	} else {
		o.Mark = o.Packet.Marker && !o.Empty
	}
	return o
}

// sequence returns p's outgoing number and takes it.
func (d *DownTrack) sequence(p *Packet) uint64 {
	s := &d.seg
	if p.Seq == 0 { // supplied parameter sets
		s.out++ // all that follows moves up by one
		return s.out - 1
	}
	if s.base == 0 { // audio: numbers begin with the first packet, and timestamps not before
		s.base = p.Seq
		if first := d.lastTS + s.clock/1000; d.sentAny && after(first, p.Timestamp+s.offset) {
			s.offset = first - p.Timestamp
		}
	}
	return s.sequence(p.Seq)
}

func (d *DownTrack) note(now time.Time, seq uint64, o *OutPacket) {
	if o.Packet.Layering.Flags != 0 && !o.Empty && seq > d.numbered {
		d.numbers.follow(o)
		d.numbered = seq
	}
	if d.kind == codec.Video && o.Packet.Layering.Entry == codec.AllLayers {
		d.lastKey = max(d.lastKey, seq)
		d.freezes.keyframe(now)
	}
	d.next = max(d.next, seq+1)
	if len(o.Packet.Payload) > 0 && seq > d.media {
		d.media, d.boundary = seq, o.Mark || d.kind == codec.Audio
	}
	if !d.sentAny {
		d.sentAny, d.first, d.firstTransport, d.counts.FirstPacket = true, seq, o.TransportSeq, now
	}
	if d.seg.keyframe != nil && d.counts.FirstKeyframe.IsZero() {
		d.counts.FirstKeyframe = now
	}
	if after(o.Timestamp, d.lastTS) || d.lastAt.IsZero() {
		d.lastTS, d.lastAt = o.Timestamp, now
	}
	d.counts.Packets++
	d.counts.Bytes += uint64(len(o.Packet.Payload))
}

// blocked says that the last packets could not be sent: a subscriber behind a
// full queue skips to the next keyframe.
func (d *DownTrack) blocked(out *Output) {
	if d.state == running || d.state == showing {
		d.boundary = false
		d.fallBehind(d.seg.keyframe, out)
	}
}
