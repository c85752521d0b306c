package forwarder

import (
	"slices"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

type upTrack struct {
	PublisherTrack
	encodings []*upStream            // media only, in order of appearance
	types     map[codec.Format]uint8 // payload types on links

	// targets are what the publisher says it aims at (Video Layers Allocation), by the
	// order of the RIDs.
	targets codec.VideoLayersValue
}

// upStream is one SSRC: media, or the retransmissions of another one.
type upStream struct {
	track  *upTrack
	ssrc   uint32
	rid    string
	repair bool
	media  *upStream // of a repair stream; nil until known
	pt     uint8     // of the media received last
	enc    *Encoding
	rec    reception
	nack   nacker
	still  *arrivingStill // over a link; nil: none
	fir    uint8          // number of the last full intra request (RFC 5104 §4.3.1.1)
}

// repaired unwraps a retransmission (RFC 4588 §4): its payload begins with the
// original sequence number. An empty one is a bandwidth probe.
func (p *Publisher) repaired(now time.Time, s *upStream, h *rtp.Header, payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	pt, ok := s.track.Repair[h.PayloadType]
	if !ok || s.media == nil || s.media.enc == nil || s.media.pt != pt {
		p.counts.Unknown++
		return false
	}
	h.SequenceNumber = uint16(payload[0])<<8 | uint16(payload[1])
	h.PayloadType = pt
	if s.media.enc.far(h.SequenceNumber) {
		p.counts.Late++
		return false
	}
	return p.push(now, s.media, h, payload[2:], true)
}

// media takes a packet of s that came by itself.
func (p *Publisher) media(now time.Time, s *upStream, h *rtp.Header, payload []byte) bool {
	format, ok := s.track.Formats[h.PayloadType]
	part, still := p.stillPart(h)
	switch {
	case !ok:
		p.counts.Unknown++
		return false
	case s.enc != nil && s.enc.format == format && !p.wake(now, s.enc):
		return false
	case s.enc == nil || s.enc.format != format:
		p.beginEncoding(now, s, h.PayloadType, format)
	case still:
	case !s.enc.far(h.SequenceNumber):
		s.enc.bad = noNumber
	case s.enc.bad == uint64(h.SequenceNumber): // RFC 3550 A.1: two in a row
		p.beginEncoding(now, s, h.PayloadType, format)
	default:
		s.enc.bad = uint64(h.SequenceNumber + 1)
		p.counts.Late++
		return false
	}
	s.pt = h.PayloadType
	if still {
		return p.takeStill(now, s, h, payload, part)
	}
	if s.still != nil {
		s.still.live(now)
	}
	return p.push(now, s, h, payload, false)
}

// push appends a packet to its encoding, unless it is there already.
func (p *Publisher) push(now time.Time, s *upStream, h *rtp.Header, payload []byte, repaired bool) bool {
	e := s.enc
	seq := e.ext.extend(h.SequenceNumber)
	switch {
	case e.hist.BySeq(seq) != nil:
		p.counts.Duplicates++
		return false
	case e.hist.Gone(seq), e.ext.started && seq+maxMisorder < e.ext.highest:
		p.counts.Late++
		return false
	}
	pkt := p.arena.packet()
	*pkt = Packet{
		Seq: seq, Timestamp: h.Timestamp, At: now.Add(-p.age(h)), Marker: h.Marker,
		Payload: p.arena.copy(payload), Ext: p.arena.extensions(h, p.ids),
	}
	if !e.ext.started || seq > e.ext.highest {
		e.lag.Store(int64(now.Sub(pkt.At)))
	}
	p.count(now, s, pkt, repaired)
	before := e.keyframe.Load()
	reordered := e.reordered
	info := codec.Inspect(e.format, pkt.Payload)
	p.travels(h, pkt)
	e.layers.read(e.format, info, pkt)
	p.layerExtensions(s, &e.layers.reader, h, pkt)
	e.push(pkt, info)
	p.counts.Reordered += e.reordered - reordered
	if next := &p.nextChoice[s.track.Kind]; e.keyframe.Load() != before || !now.Before(*next) {
		*next = now.Add(chooseInterval)
		p.choose(now, s.track.Kind)
	}
	return true
}

// layerExtensions reads what header extensions say of layers that only we use.
func (p *Publisher) layerExtensions(s *upStream, r *codec.LayerReader, h *rtp.Header, pkt *Packet) {
	if s.track.Kind != codec.Video || !h.Extension {
		return
	}
	if id := p.byID.marking; id != 0 {
		if value := h.GetExtension(id); value != nil {
			r.Mark(&pkt.Layering, value)
		}
	}
	if id := p.byID.layers; id != 0 {
		if value := h.GetExtension(id); value != nil && !codec.ParseVideoLayers(value, &s.track.targets) {
			p.counts.Malformed++
		}
	}
}

func (p *Publisher) count(now time.Time, s *upStream, pkt *Packet, repaired bool) {
	p.counts.Packets++
	p.counts.Bytes += uint64(len(pkt.Payload))
	p.counts.LastPacket = now
	if repaired {
		p.counts.Repaired++
	} else {
		s.rec.packet(pkt.Seq, pkt.Timestamp, s.enc.format.Name.ClockRate(), pkt.At)
	}
	if s.track.NACK {
		s.nack.packet(pkt.Seq, now)
		if s.nack.pending() {
			p.hurry(now.Add(nackDelay))
		}
	}
}

// beginEncoding gives s a new encoding: where there was none, where the codec
// changed, or where the numbers jumped for good.
func (p *Publisher) beginEncoding(now time.Time, s *upStream, pt uint8, format codec.Format) {
	if s.enc != nil {
		s.enc.end()
	}
	s.enc = &Encoding{id: p.encodingID(s.ssrc), pt: s.track.types[format], format: format, rid: s.rid, hist: NewHistory(p.cfg.Budget), bad: noNumber, since: now, relayed: p.cfg.Relayed}
	s.enc.know(s.track.Known[s.ssrc])
	s.enc.layers.target, s.enc.layers.stream = &s.track.targets, max(slices.Index(s.track.RIDs, s.rid), 0)
	for _, nal := range s.track.ParameterSets[pt] {
		s.enc.sets.KeepNAL(format, nal)
	}
	s.rec, s.nack, s.still = reception{}, nacker{}, nil
	p.nextChoice[s.track.Kind] = time.Time{}
	p.publish(s.track.Kind)
}

// noNumber is no 16-bit sequence number.
const noNumber = 1 << 32

// far tells whether seq is too far from the last number to belong with it.
func (e *Encoding) far(seq uint16) bool {
	d := int16(seq - uint16(e.ext.highest))
	return e.ext.started && (d > maxDropout || d < -maxDropout)
}

// choose keeps the best encoding of a kind: the largest picture among those that
// are active and have a keyframe, then the highest bitrate, with some hysteresis.
// Those that never had a keyframe are asked for one: they cannot be chosen without, nor
// can layers of those whose structure was lost.
func (p *Publisher) choose(now time.Time, kind codec.Kind) {
	current := p.best[kind].Load()
	best := current
	if best != nil && !best.Active(now) {
		best = nil
	}
	for _, e := range p.Encodings(kind) {
		if e.Active(now) && e.decodable() && e.better(best) {
			best = e
		}
	}
	p.wishFirst(now, kind)
	switch {
	case best == nil:
		if current != nil && current.Ended() {
			p.best[kind].Store(nil)
		}
	case best != current:
		p.best[kind].Store(best)
	}
	if kind == codec.Video {
		p.climb(now)
	}
}

// wishFirst asks for first keyframes, where they do not come by themselves.
func (p *Publisher) wishFirst(now time.Time, kind codec.Kind) {
	for _, e := range p.Encodings(kind) {
		if e.Active(now) && (!e.decodable() || e.layers.blind) && now.Sub(e.since) >= firstKeyframe {
			p.RequestKeyframe(e)
		}
	}
}

func (e *Encoding) decodable() bool {
	return e.format.Name.Kind() == codec.Audio || e.keyframe.Load() != nil || e.toldAt.Load() != 0
}

// better tells whether e should take other's place; other may be nil.
func (e *Encoding) better(other *Encoding) bool {
	if other == nil {
		return true
	}
	a, b := e.pixels(), other.pixels()
	if a != b && a != 0 && b != 0 {
		return a > b
	}
	return e.Bitrate() > other.Bitrate()*5/4
}

func (e *Encoding) pixels() int {
	w, h := e.Size()
	return w * h
}
