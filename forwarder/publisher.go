package forwarder

import (
	"slices"
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
	Known       map[uint32]KnownEncoding  // by SSRC: what a link's description says of its encodings
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
	ID       uint64            // names the publisher's session on every node it comes through
	SSRC     uint32            // of our feedback; any number
	Recorder TransportRecorder // nil: no transport-wide feedback
	MaxREMB  int64             // bits per second told to publishers that know only REMB; 0: 20 Mbit/s
	Budget   *Budget           // of all histories; nil: endless
	Relayed  bool              // the packets come over a link, see Description

	// Audience is how many subscribers the stream has on this node and those below it, kept
	// up to date by others; nil: none.
	Audience *atomic.Int64
}

const defaultREMB = 20_000_000

// A Publisher is one publisher session. It sorts packets to encodings, reports
// reception, asks for lost packets and for keyframes. It is not safe for
// concurrent use but for Best, Encodings, Ended, Findings and Audience.
type Publisher struct {
	cfg    PublisherConfig
	tracks []*upTrack
	ids    []forwardedID // union of all sections: ids are unique in a bundle
	byID   struct{ mid, rid, repaired, transport, layers, marking, age, travels, still uint8 }
	ssrcs  map[uint32]*upStream
	begun  map[uint32]bool // ids of encodings
	order  []*upStream     // the same, in order of appearance
	clock  publisherClock
	header rtp.Header
	arena  arena

	// published for readers
	best    [codec.Video + 1]atomic.Pointer[Encoding]
	all     [codec.Video + 1]atomic.Pointer[[]*Encoding]
	ladders atomic.Pointer[ladders] // of video
	ended   atomic.Bool

	found    atomic.Pointer[foundList]    // nil: nothing is wrong
	audience atomic.Pointer[audienceTold] // nil: the origin has not said it
	coming   findingsComing

	nextChoice                         [codec.Video + 1]time.Time
	nextReport, nextREMB, nextFeedback time.Time
	recorded                           bool
	nextWants                          time.Time
	unwanted, unwantedNow              []uint32  // encodings nobody wants: as the origin was told, and of now
	asked                              []uint16  // for the NACK being written
	deadline                           time.Time // when Tick must be called next
	counts                             PublisherCounts
	diagnosis                          diagnosis
}

// PublisherCounts are counters since the session's start.
type PublisherCounts struct {
	Packets, Bytes uint64 // taken into a history; bytes of payload
	Repaired       uint64 // of them by retransmission
	Lost           uint64 // that did not come by themselves, repaired or not
	Duplicates     uint64
	Unknown        uint64 // no section, payload type or encoding for it
	Malformed      uint64
	Late           uint64 // further behind than the history reaches
	Nacks          uint64 // packets asked for
	Requests       uint64 // keyframes asked for
	Merged         uint64 // wishes for a keyframe that joined one that waited to be asked for
	Reordered      uint64 // frames after one that is shown later: B-frames, which browsers cannot play
	LastPacket     time.Time
}

// NewPublisher returns a publisher that has sent nothing yet.
func NewPublisher(cfg PublisherConfig) *Publisher {
	p := &Publisher{cfg: cfg, ssrcs: make(map[uint32]*upStream), begun: make(map[uint32]bool)}
	for _, t := range cfg.Tracks {
		p.tracks = append(p.tracks, &upTrack{PublisherTrack: t})
		for id, ext := range t.Extensions {
			if ext.Kept() {
				p.ids = append(p.ids, forwardedID{id, ext})
			}
			switch ext {
			case codec.MID:
				p.byID.mid = id
			case codec.RID:
				p.byID.rid = id
			case codec.RepairedRID:
				p.byID.repaired = id
			case codec.TransportCC:
				p.byID.transport = id
			case codec.VideoLayers:
				p.byID.layers = id
			case codec.FrameMarking:
				p.byID.marking = id
			case codec.Age:
				p.byID.age = id
			case codec.Travels:
				p.byID.travels = id
			case codec.Still:
				p.byID.still = id
			}
		}
	}
	linkTypes(p.tracks, cfg.Relayed)
	slices.SortFunc(p.ids, func(a, b forwardedID) int { return int(a.id) - int(b.id) })
	p.ids = slices.Compact(p.ids)
	return p
}

// Best returns the encoding of a kind that subscribers get now; nil while none
// can be decoded. It is safe for concurrent use.
func (p *Publisher) Best(kind codec.Kind) *Encoding { return p.best[kind].Load() }

// Ended tells whether End was called. It is safe for concurrent use.
func (p *Publisher) Ended() bool { return p.ended.Load() }

// Counts returns the counters.
func (p *Publisher) Counts() PublisherCounts {
	c := p.counts
	for _, s := range p.order {
		if !s.repair {
			c.Lost += s.rec.lost()
		}
	}
	return c
}

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
// have something new. Packets of unknown origin are counted and dropped; after
// End all are dropped.
func (p *Publisher) HandleRTP(now time.Time, b []byte) bool {
	if p.Ended() {
		return false
	}
	h := &p.header
	n, err := h.Unmarshal(b)
	if err != nil || len(b) > maxPacket || h.Version != 2 {
		p.counts.Malformed++
		return false
	}
	p.record(now, h)
	payload, ok := unpad(h, b[n:])
	if !ok {
		p.counts.Malformed++
		return false
	}
	s := p.stream(h)
	if s == nil {
		p.counts.Unknown++
		return false
	}
	if s.repair {
		return p.repaired(now, s, h, payload)
	}
	return p.media(now, s, h, payload)
}

// unpad cuts padding off (RFC 3550 §5.1); false if its length makes no sense.
func unpad(h *rtp.Header, payload []byte) ([]byte, bool) {
	if !h.Padding {
		return payload, true
	}
	if len(payload) == 0 {
		return nil, false
	}
	pad := int(payload[len(payload)-1])
	if pad == 0 || pad > len(payload) {
		return nil, false
	}
	return payload[:len(payload)-pad], true
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

// End says that no packet will come any more and gives the memory back.
// Subscribers still get what the histories hold.
func (p *Publisher) End() {
	p.ended.Store(true)
	for _, s := range p.order {
		if s.enc != nil {
			s.enc.end()
		}
	}
}
