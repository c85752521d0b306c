package forwarder

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A PublisherTrack is one media section a publisher may send, as negotiated.
type PublisherTrack struct {
	Kind        codec.Kind
	MID         string
	Formats     map[uint8]codec.Format    // by payload type
	Repair      map[uint8]uint8           // payload type of a retransmission to that of the media
	SSRCs       []uint32                  // declared ones; may be empty
	RepairSSRCs map[uint32]uint32         // SSRC of a retransmission to that of the media
	RIDs        []string                  // declared ones; packets with others are ignored
	Extensions  map[uint8]codec.Extension // by id

	// ParameterSets are NAL units that SDP gave out of band, by payload type
	// (sprop-parameter-sets); they serve until the stream brings its own.
	ParameterSets map[uint8][][]byte

	NACK, PLI, FIR, TransportCC, REMB bool // feedback the publisher takes
}

// A TransportRecorder makes transport-wide feedback
// (draft-holmer-rmcat-transport-wide-cc-extensions-01) of the packets it is told.
type TransportRecorder interface {
	// Record notes that the packet with transport-wide number seq and the given
	// SSRC arrived.
	Record(ssrc uint32, seq uint16, arrival time.Time)
	// AppendTo appends RTCP packets for all that was recorded since the last call.
	AppendTo(b []byte) []byte
}

// A PublisherConfig is what a Publisher is made of. Tracks is required.
type PublisherConfig struct {
	Tracks   []PublisherTrack
	SSRC     uint32            // of our feedback; any number
	Recorder TransportRecorder // nil: no transport-wide feedback
	MaxREMB  int64             // bits per second told to publishers that know only REMB; 0: 20 Mbit/s
	Budget   *Budget           // of all histories; nil: endless
}

const defaultREMB = 20_000_000

// A Publisher is one publisher session. It sorts packets to encodings, reports
// reception, asks for lost packets and for keyframes. It is not safe for
// concurrent use but for Best,
// Encodings and Ended.
type Publisher struct {
	cfg    PublisherConfig
	tracks []*upTrack
	ids    [256]codec.Extension // union of all sections: ids are unique in a bundle
	byID   struct{ mid, rid, repaired, transport uint8 }
	ssrcs  map[uint32]*upStream
	order  []*upStream // the same, in order of appearance
	clock  publisherClock
	header rtp.Header
	arena  arena

	best  [codec.Video + 1]atomic.Pointer[Encoding]
	all   [codec.Video + 1]atomic.Pointer[[]*Encoding]
	ended atomic.Bool

	nextReport, nextREMB, nextFeedback time.Time
	recorded                           bool
	deadline                           time.Time // when Tick must be called next
	counts                             PublisherCounts
}

// PublisherCounts are counters since the session's start.
type PublisherCounts struct {
	Packets, Bytes uint64 // taken into a history; bytes of payload
	Repaired       uint64 // of them by retransmission
	Duplicates     uint64
	Unknown        uint64 // no section, payload type or encoding for it
	Malformed      uint64
	Late           uint64 // further behind than the history reaches
	Nacks          uint64 // packets asked for
	Requests       uint64 // keyframes asked for
	LastPacket     time.Time
}

type upTrack struct {
	PublisherTrack
	encodings []*upStream // media only, in order of appearance
}

// upStream is one SSRC: media, or the retransmissions of another one.
type upStream struct {
	track  *upTrack
	ssrc   uint32
	rid    string
	repair bool
	media  *upStream // of a repair stream; nil until known
	pt     uint8
	enc    *Encoding
	rec    reception
	nack   nacker
	fir    uint8 // number of the last full intra request (RFC 5104 §4.3.1.1)
}

// NewPublisher returns a publisher that has sent nothing yet.
func NewPublisher(cfg PublisherConfig) *Publisher {
	p := &Publisher{cfg: cfg, ssrcs: make(map[uint32]*upStream)}
	for _, t := range cfg.Tracks {
		p.tracks = append(p.tracks, &upTrack{PublisherTrack: t})
		for id, ext := range t.Extensions {
			p.ids[id] = ext
			switch ext {
			case codec.MID:
				p.byID.mid = id
			case codec.RID:
				p.byID.rid = id
			case codec.RepairedRID:
				p.byID.repaired = id
			case codec.TransportCC:
				p.byID.transport = id
			}
		}
	}
	return p
}

// Best returns the encoding of a kind that subscribers get now; nil while none
// can be decoded. It is safe for concurrent use.
func (p *Publisher) Best(kind codec.Kind) *Encoding { return p.best[kind].Load() }

// Ended tells whether End was called. It is safe for concurrent use.
func (p *Publisher) Ended() bool { return p.ended.Load() }

// Counts returns the counters.
func (p *Publisher) Counts() PublisherCounts { return p.counts }

// Encodings returns the live encodings of a kind in order of appearance; the
// slice must not be changed. It is safe for concurrent use.
func (p *Publisher) Encodings(kind codec.Kind) []*Encoding {
	if all := p.all[kind].Load(); all != nil {
		return *all
	}
	return nil
}

// publish makes the encodings of a kind known to readers.
func (p *Publisher) publish(kind codec.Kind) {
	var all []*Encoding
	for _, s := range p.order {
		if s.track.Kind == kind && s.enc != nil {
			all = append(all, s.enc)
		}
	}
	p.all[kind].Store(&all)
}

// HandleRTP takes one RTP packet, which it copies, and tells whether subscribers
// have something new. Packets of unknown origin are counted and dropped.
func (p *Publisher) HandleRTP(now time.Time, b []byte) bool {
	h := &p.header
	n, err := h.Unmarshal(b)
	if err != nil || len(b) > maxPacket || h.Version != 2 {
		p.counts.Malformed++
		return false
	}
	p.record(now, h)
	payload := b[n:]
	if h.Padding {
		pad := 0
		if len(payload) > 0 {
			pad = int(payload[len(payload)-1])
		}
		if pad == 0 || pad > len(payload) {
			p.counts.Malformed++
			return false
		}
		payload = payload[:len(payload)-pad]
	}
	s := p.stream(h)
	if s == nil {
		p.counts.Unknown++
		return false
	}
	if s.repair {
		return p.repaired(now, s, h, payload)
	}
	return p.media(now, s, h, payload, false)
}

func (p *Publisher) record(now time.Time, h *rtp.Header) {
	if p.cfg.Recorder == nil || p.byID.transport == 0 {
		return
	}
	ext := h.GetExtension(p.byID.transport)
	if len(ext) < 2 {
		return
	}
	p.cfg.Recorder.Record(h.SSRC, uint16(ext[0])<<8|uint16(ext[1]), now)
	if !p.recorded {
		p.recorded = true
		p.hurry(p.nextFeedback)
	}
}

// repaired unwraps a retransmission (RFC 4588 §4): its payload begins with the
// original sequence number. An empty one is a bandwidth probe.
func (p *Publisher) repaired(now time.Time, s *upStream, h *rtp.Header, payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	if s.media == nil || s.media.enc == nil {
		p.counts.Unknown++
		return false
	}
	h.SequenceNumber = uint16(payload[0])<<8 | uint16(payload[1])
	h.PayloadType = s.media.pt
	return p.media(now, s.media, h, payload[2:], true)
}

func (p *Publisher) media(now time.Time, s *upStream, h *rtp.Header, payload []byte, repaired bool) bool {
	if !p.ensureEncoding(s, h, repaired) {
		return false
	}
	e := s.enc
	seq := e.ext.extend(h.SequenceNumber)
	switch {
	case e.hist.BySeq(seq) != nil:
		p.counts.Duplicates++
		return false
	case e.ext.started && seq < e.ext.highest && e.ext.highest-seq > maxMisorder:
		p.counts.Late++
		return false
	}
	pkt := p.arena.packet()
	*pkt = Packet{
		Seq: seq, Timestamp: h.Timestamp, At: now, Marker: h.Marker,
		Payload: p.arena.copy(payload), Ext: p.arena.extensions(h, &p.ids),
	}
	p.count(s, pkt, repaired)
	e.push(pkt, codec.Inspect(e.format, pkt.Payload))
	p.choose(now, s.track.Kind)
	return true
}

func (p *Publisher) count(s *upStream, pkt *Packet, repaired bool) {
	p.counts.Packets++
	p.counts.Bytes += uint64(len(pkt.Payload))
	p.counts.LastPacket = pkt.At
	if repaired {
		p.counts.Repaired++
	} else {
		s.rec.packet(pkt.Seq, pkt.Timestamp, s.enc.format.Name.ClockRate(), pkt.At)
	}
	if s.track.NACK {
		s.nack.packet(pkt.Seq, pkt.At)
		if s.nack.pending() {
			p.hurry(pkt.At.Add(nackDelay))
		}
	}
}

// ensureEncoding makes s.enc fit the packet: a new encoding where there is none,
// where the codec changed, or where the numbers jumped for good.
func (p *Publisher) ensureEncoding(s *upStream, h *rtp.Header, repaired bool) bool {
	format, ok := s.track.Formats[h.PayloadType]
	if !ok {
		p.counts.Unknown++
		return false
	}
	switch {
	case s.enc == nil, !repaired && s.enc.format != format:
	case repaired || !s.enc.jumped(h.SequenceNumber):
		return true
	case s.enc.bad != uint64(h.SequenceNumber):
		s.enc.bad = uint64(h.SequenceNumber + 1)
		p.counts.Late++
		return false
	}
	if s.enc != nil {
		s.enc.end()
	}
	s.pt = h.PayloadType
	s.enc = &Encoding{format: format, rid: s.rid, hist: NewHistory(p.cfg.Budget), bad: noNumber}
	for _, nal := range s.track.ParameterSets[h.PayloadType] {
		s.enc.sets.KeepNAL(format, nal)
	}
	s.rec, s.nack = reception{}, nacker{}
	p.publish(s.track.Kind)
	return true
}

// noNumber is no 16-bit sequence number.
const noNumber = 1 << 32

// jumped tells whether seq is too far from the last number to belong with it.
func (e *Encoding) jumped(seq uint16) bool {
	d := int16(seq - uint16(e.ext.highest))
	if e.ext.started && (d > maxDropout || d < -maxDropout) {
		return true
	}
	e.bad = noNumber
	return false
}

func (e *Encoding) end() {
	e.ended.Store(true)
	e.hist.Close()
}

// End says that no packet will come any more and gives the memory back.
func (p *Publisher) End() {
	p.ended.Store(true)
	for _, s := range p.order {
		if s.enc != nil {
			s.enc.end()
		}
	}
}

// choose keeps the best encoding of a kind: the largest picture among those that
// are active and have a keyframe, then the highest bitrate, with some hysteresis.
func (p *Publisher) choose(now time.Time, kind codec.Kind) {
	current := p.best[kind].Load()
	best := current
	if best != nil && !best.Active(now) {
		best = nil
	}
	for _, t := range p.tracks {
		if t.Kind != kind {
			continue
		}
		for _, s := range t.encodings {
			if e := s.enc; e != nil && e.Active(now) && e.decodable() && e.better(best) {
				best = e
			}
		}
	}
	if best != nil && best != current {
		p.best[kind].Store(best)
	}
}

func (e *Encoding) decodable() bool {
	return e.format.Name.Kind() == codec.Audio || e.keyframe.Load() != nil
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
