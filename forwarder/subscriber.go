package forwarder

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A SubscriberConfig is what a Subscriber is made of.
type SubscriberConfig struct {
	Tracks []SubscriberTrack
	Seed   uint64 // of first sequence numbers and timestamps (RFC 3550 §5.1)
}

// A Subscriber is one subscriber session: down tracks and their feedback. It is
// owned by its shard and not safe for concurrent use.
type Subscriber struct {
	tracks  []*DownTrack // audio first: it is served first
	pub     *Publisher
	wide    wide
	alloc   allocator
	cap     int64     // bits per second for the session; 0: none
	acked   uint16    // highest transport-wide number reported
	byClock bool      // sender reports go by the publisher's
	epoch   time.Time // of the sent maps' clock
	rtt     time.Duration
	counts  SubscriberCounts

	measures Measures
	measured time.Time // when they were brought up to date
}

// SubscriberCounts are counters since the session's start.
type SubscriberCounts struct {
	Nacks, Malformed uint64
	FractionLost     uint8  // of the last report on video, else audio, in 1/256
	Jitter           uint32 // RTP units
	REMB             int64  // bits per second, 0: none received
}

// NewSubscriber returns a subscriber without a publisher.
func NewSubscriber(cfg SubscriberConfig) *Subscriber {
	s := &Subscriber{}
	rnd := rand.New(rand.NewPCG(cfg.Seed, 0x77686970706574))
	for _, kind := range []codec.Kind{codec.Audio, codec.Video} {
		for _, t := range cfg.Tracks {
			if t.Kind == kind {
				s.tracks = append(s.tracks, newDownTrack(t, rnd))
			}
		}
	}
	s.wide.next = uint16(rnd.Uint32N(1 << 15))
	s.acked = s.wide.next
	for _, d := range s.tracks {
		if d.ids[codec.TransportCC] != 0 && s.wide.est == nil {
			s.wide.est = NewEstimator(EstimatorConfig{})
		}
	}
	s.wide.plain = s.wide.est == nil
	return s
}

// SetPublisher makes pub the source from now on, nil for none. Down tracks keep
// what they have and are spliced to the new one at its first keyframe.
func (s *Subscriber) SetPublisher(pub *Publisher) {
	s.pub = pub
	s.alloc.forget()
	for _, d := range s.tracks {
		d.setPublisher(pub)
	}
}

// Publisher returns the current source; nil if there is none.
func (s *Subscriber) Publisher() *Publisher { return s.pub }

// Pull appends to out what must be sent now: what is new in the histories and
// what is due. If out.More is set afterwards, call it again soon.
func (s *Subscriber) Pull(now time.Time, out *Output) {
	s.step(now)
	s.wide.now = now
	s.allocate(now)
	for _, d := range s.tracks {
		d.pull(now, passPackets, out, &s.wide)
	}
	s.probe(now, out)
	s.chooseClock()
	for _, d := range s.tracks {
		d.report(now, s.byClock, out)
	}
}

// step tells the sent maps the time, in milliseconds that wrap after 65 s.
func (s *Subscriber) step(now time.Time) {
	if s.epoch.IsZero() {
		s.epoch = now
	}
	ms := uint16(now.Sub(s.epoch) / time.Millisecond)
	for _, d := range s.tracks {
		d.ms = ms
	}
}

// chooseClock decides what sender reports go by: the publisher's own, if they
// tie all encodings to one clock, else arrival. The two must not be mixed, so
// after a change all tracks report at once.
func (s *Subscriber) chooseClock() {
	all := true
	for _, d := range s.tracks {
		all = d.synced() && all
	}
	if all == s.byClock {
		return
	}
	s.byClock = all
	for _, d := range s.tracks {
		d.reportAt = time.Time{}
	}
}

// RTT returns the round trip to the subscriber, 0 if unknown.
func (s *Subscriber) RTT() time.Duration { return s.rtt }

// Counts returns the session's counters.
func (s *Subscriber) Counts() SubscriberCounts { return s.counts }

// Track returns the down track of a kind and its counters; nil if there is none.
func (s *Subscriber) Track(kind codec.Kind) *DownTrack {
	for _, d := range s.tracks {
		if d.kind == kind {
			return d
		}
	}
	return nil
}

// Counts returns the track's counters.
func (d *DownTrack) Counts() DownCounts { return d.counts }

// Encoding returns the encoding the track is on; nil if none.
func (d *DownTrack) Encoding() *Encoding { return d.enc }

// Blocked says that a packet of the last output could not be sent because the subscriber's
// queue is full. out may be that output.
func (s *Subscriber) Blocked(p *OutPacket, out *Output) {
	for _, d := range s.tracks {
		if d.ssrc == p.SSRC || d.cfg.RTXSSRC == p.SSRC {
			s.wide.refused(d, p.TransportSeq)
			d.blocked(out)
		}
	}
}

// Misfit tells whether the publisher sends a format the subscriber has no
// payload type for: only a new session can help.
func (s *Subscriber) Misfit() bool {
	for _, d := range s.tracks {
		if d.misfit {
			return true
		}
	}
	return false
}

// HandleRTCP takes one RTCP packet or compound from the subscriber, which it does
// not keep, and appends to out what answers it. From what cannot be read on, the
// compound is dropped and counted.
func (s *Subscriber) HandleRTCP(now time.Time, b []byte, out *Output) {
	s.step(now)
	s.wide.now = now
	r := rtcpReader{rest: b}
	for r.next() {
		s.feedback(now, &r, out)
	}
	if len(r.rest) > 0 || len(b) == 0 {
		s.counts.Malformed++
	}
}

func (s *Subscriber) feedback(now time.Time, r *rtcpReader, out *Output) {
	switch {
	case r.kind == rtcpRR || r.kind == rtcpSR:
		s.reports(now, r.blocks())
	case r.is(rtcpRTPFB, formatTCC):
		s.transportFeedback(now, r)
	case r.is(rtcpRTPFB, formatNACK):
		s.nack(r, out)
	case r.is(rtcpPSFB, formatPLI):
		s.keyframe(now, r.media(), out)
	case r.is(rtcpPSFB, formatFIR):
		for b := r.fci(); len(b) > 0; b = b[firBytes:] {
			s.keyframe(now, binary.BigEndian.Uint32(b), out)
		}
	case r.is(rtcpPSFB, formatREMB):
		if bitrate, ok := r.remb(); ok {
			s.counts.REMB = bitrate
			s.estimator().REMB(now, bitrate)
		}
	}
}

func (s *Subscriber) bySSRC(ssrc uint32) *DownTrack {
	for _, d := range s.tracks {
		if d.ssrc == ssrc {
			return d
		}
	}
	return nil
}

func (s *Subscriber) nack(r *rtcpReader, out *Output) {
	d := s.bySSRC(r.media())
	if d == nil || !d.cfg.NACK {
		return
	}
	rtt, full := s.roundTrip(), s.congested()
	for b := r.fci(); len(b) > 0; b = b[pairBytes:] {
		pair := readPair(b)
		for more := true; more; {
			if len(out.Packets) >= maxAnswer {
				return
			}
			var seq uint16
			seq, more = pair.take()
			s.counts.Nacks++
			d.noteAsked(seq)
			if full && (d.outdated(seq) || d.state == held) {
				d.counts.ResendRefused++
				continue
			}
			d.resend(seq, rtt, out, &s.wide)
		}
	}
}

func (s *Subscriber) keyframe(now time.Time, ssrc uint32, out *Output) {
	if d := s.bySSRC(ssrc); d != nil {
		d.resendFirst(now, s.roundTrip(), out, &s.wide)
		d.requestKeyframe(now, out)
	}
}

// roundTrip is the measured round trip, or what stands for it until there is one.
func (s *Subscriber) roundTrip() time.Duration {
	if s.rtt == 0 {
		return defaultRTT
	}
	return s.rtt
}

func (s *Subscriber) reports(now time.Time, blocks []byte) {
	for ; len(blocks) > 0; blocks = blocks[reportBytes:] {
		r := readBlock(blocks)
		d := s.bySSRC(r.ssrc)
		if d == nil || !d.sentAny {
			continue
		}
		if rtt := d.reception(now, &r); rtt > 0 {
			s.rtt = rtt
		}
		s.counts.FractionLost, s.counts.Jitter = r.fractionLost, r.jitter
		if s.wide.est != nil {
			s.wide.est.Reception(now, r.fractionLost, s.rtt)
		}
	}
}

// transportFeedback notes how far transport-wide feedback reaches: all tracks'
// packets up to the highest number reported are no longer ahead of feedback.
func (s *Subscriber) transportFeedback(now time.Time, r *rtcpReader) {
	if s.wide.plain {
		return // nobody negotiated it
	}
	before := s.wide.est.Estimate()
	s.wide.est.Feedback(now, r.body)
	s.estimated(before)
	base, count := r.transportRange()
	if count == 0 {
		return
	}
	for _, d := range s.tracks {
		d.begun = d.begun || d.sentAny && d.ids[codec.TransportCC] != 0 && r.transportReceived(d.firstTransport)
	}
	acked := base + count - 1
	if int16(acked-s.acked) < 0 || int16(s.wide.next-acked) <= 0 {
		return
	}
	s.acked = acked
	for _, d := range s.tracks {
		d.ackTransport(acked)
	}
}

// ackTransport moves acked to the newest packet sent at or before the
// transport-wide number given.
func (d *DownTrack) ackTransport(transport uint16) {
	if d.ids[codec.TransportCC] == 0 || !d.seg.catching {
		return // only a catch-up asks
	}
	for seq := max(d.acked+1, d.seg.out); seq < d.next; seq++ {
		s := d.sent.get(seq)
		if s != nil && int16(transport-s.transport) < 0 {
			return
		}
		if s != nil {
			d.acked = seq
		}
	}
}
