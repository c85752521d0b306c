package forwarder

import (
	"math/rand/v2"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A SubscriberFormat is a format the subscriber takes and its payload types;
// RTX is 0 where retransmissions have none of their own.
type SubscriberFormat struct {
	Format  codec.Format
	PT, RTX uint8
}

// A SubscriberTrack is one media section a subscriber receives, as negotiated.
type SubscriberTrack struct {
	Kind       codec.Kind
	MID        string
	SSRC       uint32
	RTXSSRC    uint32 // 0: none
	CNAME      string // the same for all tracks of the session (RFC 3550 §6.5.1)
	Formats    []SubscriberFormat
	Extensions map[codec.Extension]uint8 // ids
	NACK       bool                      // lost packets are sent again; else NACKs are ignored
}

// DownCounts are counters of a down track since its start.
type DownCounts struct {
	Packets, Bytes   uint64 // sent, not counting resends; bytes of payload
	Resent           uint64
	ResendRefused    uint64 // asked for again within a round trip, or too often
	ResendForgotten  uint64 // asked for, but no longer kept
	Probes           uint64 // packets sent to find out what the network carries
	Dropped          uint64 // not needed by the layer the subscriber gets
	Late             uint64 // came after a switch or too late to be told from a repetition; not sent
	Pauses           uint64 // times the track was held because the network carries no video
	Skips            uint64 // jumps to a keyframe because the subscriber fell behind
	Keyframes        uint64 // segments begun
	Restarts         uint64 // from the same keyframe, because the encoder ignores requests
	FirstPacket      time.Time
	FirstKeyframe    time.Time
	CatchUp          time.Duration // of the last fast start, media time
	KeyframeRequests uint64        // received
	Switches         Switches
}

// A DownTrack is one track towards a subscriber: a position in the history of
// the encoding it is on. SSRC, sequence numbers and timestamps it sends are
// continuous over switches, skips and changes of publisher; a loss upstream stays
// visible as a gap. It is owned by its Subscriber.
type DownTrack struct {
	// What each Pull touches comes first: a shard serves others in between, and
	// finds it cold.
	pub      *Publisher
	enc      *Encoding
	pos      uint64
	next     uint64 // extended number of the next packet
	ssrc     uint32
	lastTS   uint32
	kind     codec.Kind
	state    trackState
	media    uint64 // the highest number of a packet that is of a frame
	boundary bool   // that packet ended its frame
	sentAny  bool
	numbered uint64 // the number of the packet that had numbers; 0: there was none
	ms       uint16 // of the sent map's clock, at the step going on
	ids      ExtensionIDs
	seg      segment
	sent     sentMap
	lastAt   time.Time
	again    time.Time // since when it is to start again; zero: it is not
	reportAt time.Time
	past     []pastMapping // of segments before, the oldest first
	counts   DownCounts

	cfg    SubscriberTrack
	encOf  *Publisher // of enc
	format SubscriberFormat
	still  int       // how much of a still was sent
	wanted *Encoding // the target of a switch; nil: none
	since  time.Time // when wanted was set
	stall  time.Time // since when the catch-up window is full; zero: it is not
	rtxSeq uint16

	acked          uint64 // highest number the subscriber reported; 0: none
	wishAt         time.Time
	restarted      *Keyframe  // the last keyframe it started again from
	first          uint64     // the session's first number
	firsts         int        // how often its first packets were repeated on request
	begun          bool       // the subscriber has the first packet, or knows that it misses it
	firstTransport uint16     // transport-wide number the first packet was last sent with
	misfit         bool       // the source sends a format that was not negotiated
	bare           bool       // a keyframe was asked for since the segment began: parameter sets may be lost
	clock          clockPoint // of outgoing timestamps
	clockOf        *Publisher // whose reports made clock; nil: none
	numbers        numbers    // numbers sent last
	selection      Selection
	goal           target     // where the allocator wants it
	goalOf         *Publisher // of goal.enc
	rest           time.Time  // what is held rests until then: the network's queue is long
	pausing        spell      // the target is paused, and the track not yet held
	heldAt         *Keyframe  // the last one when the track was held
	lastKey        uint64     // number of the last keyframe's first packet
	freezes        freezes
	counted        Selection // when the target was last set
}

type trackState uint8

const (
	idle    trackState = iota // no encoding
	waiting                   // for a keyframe later than seg.keyframe
	running                   // following a history
	showing                   // sending a still, then waiting
	held                      // following a history later: the network carries no video
)

func newDownTrack(cfg SubscriberTrack, rnd *rand.Rand) *DownTrack {
	d := &DownTrack{cfg: cfg, ssrc: cfg.SSRC, kind: cfg.Kind, boundary: true}
	for e, id := range cfg.Extensions {
		d.ids[e] = id
	}
	// The first number is random (RFC 3550 §5.1) but in the lower half, so that
	// it does not wrap before a receiver has its bearings.
	d.next = 1<<16 + rnd.Uint64N(1<<15)
	d.rtxSeq = uint16(rnd.Uint32N(1 << 15))
	d.lastTS = rnd.Uint32()
	if cfg.Kind == codec.Video {
		d.sent = newSentMap(sentVideo, sentVideoMax, d.next)
	} else {
		d.sent = newSentMap(sentAudio, sentAudio, d.next)
	}
	return d
}

// pull appends what must be sent now, at most limit packets.
func (d *DownTrack) pull(now time.Time, limit int, out *Output, w *wide) {
	d.forgetPast(now, out)
	d.release(now, out)
	d.follow(now, out)
	for range limit {
		p := d.take(now, out, w)
		if p == nil {
			d.release(now, out)
			return
		}
		d.send(now, p, out, w)
	}
	out.More = true
}

// setPublisher makes pub the source from now on; nil: there is none. What the
// last one left is still sent.
func (d *DownTrack) setPublisher(pub *Publisher) { d.pub, d.wanted, d.misfit = pub, nil, false }

// begin starts a segment on e: at its last keyframe (video), or with the next
// packet (audio).
func (d *DownTrack) begin(now time.Time, e *Encoding, format SubscriberFormat, out *Output) {
	offset := d.offset(now, e)
	d.keepClock()
	d.retire(now, out)
	if e != d.enc {
		d.encOf = d.pub
	}
	d.enc, d.format = e, format
	d.wanted, d.still, d.stall, d.again, d.misfit, d.bare = nil, 0, time.Time{}, time.Time{}, false, false
	live := e.liveTimestamp(now)
	first := d.next
	if !d.boundary {
		first++ // an unfinished frame is never followed without a gap
	}
	d.seg = segment{start: now, clock: e.format.Name.ClockRate(), mapping: mapping{
		enc: e, pt: format.PT, rtx: format.RTX, from: first, out: first, offset: offset, key: live, join: live,
	}, layering: layering{id: topLayer}}
	if e == d.goal.enc {
		d.seg.id = d.goal.layer
	}
	d.seg.as = d.seg.id
	d.state = running
	if d.kind == codec.Audio {
		d.pos = e.hist.Head()
		return
	}
	d.beginVideo(e.Keyframe(), e.still.Load())
}

func (d *DownTrack) beginVideo(key *Keyframe, still *still) {
	s := &d.seg
	if key == nil {
		d.state = waiting
		return
	}
	s.keyframe, s.lead, s.key, s.first = key, key, key.Timestamp, key.Start
	s.base = d.enc.lowest(key)
	backlog := duration(int32(s.join-key.Timestamp), s.clock)
	speed, ok := catchUp(d.enc, backlog)
	d.pos = key.early
	first := d.enc.hist.At(key.Index)
	switch {
	case ok && first != nil:
		if p := d.enc.hist.BySeq(key.Start); p != nil {
			first = p // the first to come may be of a higher layer
		}
		d.align(first)
		s.speed, s.catching = speed, speed > 0
		d.counts.CatchUp = backlog
	case still != nil && still.key == key:
		d.state, s.still = showing, still
		d.align(still.packets[0])
		d.counts.CatchUp = 0
	default:
		d.state = waiting
		return
	}
	d.counts.Keyframes++
}

// offset returns what the live timestamps of e are shifted by. Within one
// publisher it keeps lips in sync; a new publisher continues at the last
// timestamp plus the time since. Timestamps always rise.
func (d *DownTrack) offset(now time.Time, e *Encoding) uint32 {
	live := e.liveTimestamp(now)
	if !d.sentAny {
		return d.lastTS - live
	}
	clock := e.format.Name.ClockRate()
	pause := min(now.Sub(d.lastAt), longestPause)
	next := d.lastTS + max(ticks(pause, clock), clock/1000)
	if d.enc != nil && !d.enc.Ended() && d.enc.format.Name.ClockRate() == clock {
		if aligned := d.alignedTimestamp(now, e, live); after(aligned, d.lastTS) {
			next = aligned
		}
	}
	return next - live
}

// alignedTimestamp is the outgoing timestamp at which live, the newest timestamp
// of e, is simultaneous with the current encoding.
func (d *DownTrack) alignedTimestamp(now time.Time, e *Encoding, live uint32) uint32 {
	clock := e.format.Name.ClockRate()
	from, to := d.enc.clock.Load(), e.clock.Load()
	if from == nil || to == nil {
		return d.enc.liveTimestamp(now) + d.seg.offset
	}
	return live - to.timestampAt(now, clock) + from.timestampAt(now, clock) + d.seg.offset
}
