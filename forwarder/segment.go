package forwarder

import "time"

// A segment is a run of one encoding's packets as one subscriber gets them. A
// join, a switch and a skip each begin a new one.
type segment struct {
	mapping
	layering
	first uint64 // from here on all is of the segment; between base and first only what has key's timestamp
	start time.Time
	clock uint32

	catching bool // the two lines have not met yet
	settled  bool // nothing of the catch-up can come any more
	asked    int  // packets the subscriber asked for again while catching up
	supplied int  // of the parameter sets the keyframe lacks
	keyframe *Keyframe
}

// A mapping is how a segment's numbers and timestamps become the subscriber's. It
// says of each number that was sent which packet it was.
type mapping struct {
	enc *Encoding
	pt  uint8
	rtx uint8 // payload type of retransmissions; 0: none

	base, out uint64    // incoming number base is sent as out; lower ones are not sent
	from      uint64    // outgoing numbers from here up to out are parameters
	lead      *Keyframe // whose parameters they are; nil for audio
	still     *still    // what is sent instead of the history; nil: the history
	cuts      *cutList  // what was dropped of it; nil: nothing
	shift     numbers   // what is added to the running numbers of pictures and frames

	// Live, a timestamp is sent as itself plus offset. A segment that begins in
	// the past catches up: until the two lines meet, frames are sent faster than
	// they were made, and their timestamps say when.
	offset uint32
	key    uint32 // timestamp of the first frame
	join   uint32 // timestamp of the live edge when the segment began
	speed  int32  // times live; 0: no catching up
}

// sequence maps an incoming number, which is not below base and not dropped.
func (m *mapping) sequence(in uint64) uint64 {
	if m.cuts == nil {
		return in - m.base + m.out
	}
	dropped, _, _ := m.cuts.at(in)
	return in - m.base + m.out - dropped
}

// source is the incoming number that was sent as seq, which is not below out; false if
// that is forgotten.
func (m *mapping) source(seq uint64) (in uint64, ok bool) {
	if m.cuts == nil {
		return seq - m.out + m.base, true
	}
	return m.cuts.source(m.base, seq-m.out)
}

// packet returns what was sent as seq; nil if it is no longer kept.
func (m *mapping) packet(seq uint64) *Packet {
	if seq < m.out {
		return m.lead.parameters[seq-m.from]
	}
	in, ok := m.source(seq)
	switch {
	case !ok:
		return nil
	case m.still == nil:
		return m.enc.hist.BySeq(in)
	}
	return m.still.packets[in-m.still.packets[0].Seq]
}

// tooLate tells whether p is from before the segment: by its number, or of the
// frame before, whose end may be among the numbers kept free for the first frame.
func (s *segment) tooLate(p *Packet) bool {
	return p.Seq < s.base || p.Seq < s.first && p.Timestamp != s.key
}

// timestamp maps an incoming timestamp and tells whether it is one of the
// catch-up. It is a function of its argument alone, so that late packets of a
// frame get the frame's.
func (s *segment) timestamp(ts uint32) (out uint32, early bool) {
	early = s.still == nil && s.speed != 0 && !s.settled && after(s.compressed(ts), ts)
	return s.timestampAs(ts, early), early
}

// timestampAs maps an incoming timestamp, of the catch-up or live.
func (m *mapping) timestampAs(ts uint32, early bool) uint32 {
	switch {
	case m.still != nil: // it has one timestamp, that of its start
		return m.join + m.offset
	case early:
		return m.compressed(ts) + m.offset
	}
	return ts + m.offset
}

func (m *mapping) compressed(ts uint32) uint32 {
	return m.join + uint32(int32(ts-m.key)/m.speed)
}

// departure is when a packet with timestamp ts may be sent: while catching up,
// the time its rewritten timestamp says; else at once.
func (s *segment) departure(ts uint32) time.Time {
	if !s.catching || !after(s.compressed(ts), ts) {
		return time.Time{}
	}
	return s.start.Add(duration(int32(ts-s.key)/s.speed, s.clock))
}

// caughtUp tells whether the frame with timestamp ts is past the point where
// the lines meet.
func (s *segment) caughtUp(ts uint32) bool {
	return s.speed == 0 || s.settled || !after(s.compressed(ts), ts)
}

// settle forgets the catch-up once nothing from it can come any more. Timestamps
// wrap, so a comparison with where the segment began must not be made for ever.
func (s *segment) settle(now time.Time) {
	if !s.settled && s.speed != 0 && now.Sub(s.start) > settleTime {
		s.settled = true
	}
}

// window is how many packets of a catch-up may be ahead of feedback. It halves
// with each 32 packets that the subscriber asks for again: what its network does
// not carry at once, comes slower.
func (s *segment) window() uint64 {
	return max(uint64(catchUpWindow)>>min(s.asked/32, 16), catchUpLeast)
}

// catchUp chooses how many times faster than live a backlog is sent. ok is false
// if that would take too long.
func catchUp(e *Encoding, backlog time.Duration) (speed int32, ok bool) {
	if backlog <= 0 {
		return 0, backlog > -time.Second // else the publisher's clock stepped back
	}
	v := int64(catchUpSpeed)
	if interval := e.FrameInterval(); interval > 0 {
		v = min(v, int64(interval/catchUpSpacing))
	}
	if least := time.Duration(e.least.Load()); least > 0 {
		v = min(v, max(int64(least/time.Millisecond), catchUpSlow))
	}
	if rate := e.Bitrate(); rate > 0 {
		v = min(v, catchUpBitrate/rate)
	}
	if v < 2 {
		return 2, backlog <= catchUpTime/4
	}
	return int32(v), backlog/time.Duration(v-1) <= catchUpTime
}
