package forwarder

import "time"

// A segment is a run of one encoding's packets as one subscriber gets them: how
// their numbers and timestamps map to the subscriber's. A join, a switch and a
// skip each begin a new one.
type segment struct {
	base, out uint64 // incoming number base is sent as out; lower ones are not sent
	first     uint64 // from here on all is of the segment; between base and first only what has key's timestamp

	// Live, a timestamp is sent as itself plus offset. A segment that begins in
	// the past catches up: until the two lines meet, frames are sent faster than
	// they were made, and their timestamps say when.
	offset uint32
	key    uint32 // timestamp of the first frame
	join   uint32 // timestamp of the live edge when the segment began
	speed  int32  // times live; 0: no catching up
	start  time.Time
	clock  uint32

	catching bool // the two lines have not met yet
	frozen   bool // a still: it has one timestamp, that of its start
	asked    int  // packets the subscriber asked for again while catching up
	supplied int  // of the parameter sets the keyframe lacks
	keyframe *Keyframe
}

// sequence maps an incoming number, which is not below base.
func (s *segment) sequence(in uint64) uint64 { return in - s.base + s.out }

// tooLate tells whether p is from before the segment: by its number, or of the
// frame before, whose end may be among the numbers kept free for the first frame.
func (s *segment) tooLate(p *Packet) bool {
	return p.Seq < s.base || p.Seq < s.first && p.Timestamp != s.key
}

// timestamp maps an incoming timestamp. It is a function of its argument alone,
// so that late packets of a frame get the frame's.
func (s *segment) timestamp(ts uint32) uint32 {
	switch {
	case s.frozen:
		return s.join + s.offset
	case s.speed == 0:
		return ts + s.offset
	}
	if c := s.compressed(ts); after(c, ts) {
		return c + s.offset
	}
	return ts + s.offset
}

func (s *segment) compressed(ts uint32) uint32 {
	return s.join + uint32(int32(ts-s.key)/s.speed)
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
	return s.speed == 0 || !after(s.compressed(ts), ts)
}

// settle forgets the catch-up once nothing from it can come any more. Timestamps
// wrap, so a comparison with where the segment began must not be made for ever.
func (s *segment) settle(now time.Time) {
	if s.speed != 0 && now.Sub(s.start) > settleTime {
		s.speed = 0
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
