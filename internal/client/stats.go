package client

import (
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// PublishStats is what a publisher has sent so far. All counts only grow.
type PublishStats struct {
	State          webrtc.PeerConnectionState
	Since          time.Duration // since the POST
	ConnectedAfter time.Duration // since the POST; 0 before
	RTT            time.Duration // of the ICE checks; 0 before the first
	Encodings      []EncodingStats
}

// EncodingStats is one RTP stream of a publisher: the sound, or one encoding.
type EncodingStats struct {
	Codec     codec.Name
	RID       string
	SSRC      uint32
	Packets   int64 // without resends
	Bytes     int64 // of RTP packets, headers included
	Frames    int64
	Keyframes int64    // video only
	Feedback  Feedback // what came from the server
}

// Stats returns the counts as of now.
func (p *Publisher) Stats() PublishStats {
	stats := PublishStats{
		State: p.State(), Since: time.Since(p.posted), ConnectedAfter: p.ConnectedAfter(), RTT: p.RTT(),
	}
	for _, l := range p.lanes {
		stats.Encodings = append(stats.Encodings, EncodingStats{
			Codec: l.name, RID: l.rid, SSRC: l.ssrc(), Packets: l.sent.packets.Load(), Bytes: l.sent.bytes.Load(),
			Frames: l.sent.frames.Load(), Keyframes: l.sent.keyframes.Load(), Feedback: l.feedback.snapshot(),
		})
	}
	return stats
}

func (l *lane) ssrc() uint32 {
	for _, e := range l.sender.GetParameters().Encodings {
		if e.RID == l.rid {
			return uint32(e.SSRC)
		}
	}
	return 0
}

// PlayStats is what a player has received so far. All counts only grow.
type PlayStats struct {
	State          webrtc.PeerConnectionState
	Since          time.Duration // since the POST
	ConnectedAfter time.Duration // since the POST; 0 before
	RTT            time.Duration // of the ICE checks; 0 before the first
	Sent           Feedback      // what this player sent to the server
	Video, Audio   TrackStats    // zero before the first packet
}

// TrackStats is one down track. The times count from the POST and are 0 before
// the event.
type TrackStats struct {
	Codec         codec.Name // of the last packet; 0 before the first
	PayloadType   uint8
	SSRC          uint32
	Packets       int64 // distinct ones, repaired included
	Bytes         int64 // of RTP packets, headers included
	Duplicates    int64 // packets that had come before
	Lost          int64 // numbers that are missing now: sent but not here (yet)
	Frames        int64 // whole ones
	DamagedFrames int64 // holes in the row of whole frames
	Keyframes     int64
	CodecChanges  int64

	// Jitter is the interarrival jitter of RFC 3550 §6.4.1.
	Jitter time.Duration

	FirstRTP           time.Duration // first packet
	FirstKeyframe      time.Duration // first packet of the first keyframe
	FirstKeyframeWhole time.Duration // last packet of the first whole keyframe
}

// Stats returns the counts as of now.
func (p *Player) Stats() PlayStats {
	stats := PlayStats{
		State: p.State(), Since: time.Since(p.posted), ConnectedAfter: p.ConnectedAfter(),
		RTT: p.RTT(), Sent: p.tap.sent.snapshot(),
	}
	p.statsMu.Lock()
	defer p.statsMu.Unlock()
	stats.Video, stats.Audio = p.video.now(), p.audio.now()
	return stats
}

// A trackMeter measures one down track; the player's statsMu guards it.
type trackMeter struct {
	TrackStats
	started bool
	highest uint64            // extended sequence number
	first   uint64            // of the first packet
	seen    [seenWords]uint64 // the last numbers, a bit each, by number

	lastTransit float64
	jitter      float64 // in RTP units
}

// seenWords × 64 numbers are remembered, to tell a late packet from one that
// comes twice.
const seenWords = 32

// now returns the counts with those that are computed from others.
func (m *trackMeter) now() TrackStats {
	s := m.TrackStats
	if m.started {
		s.Lost = max(0, int64(m.highest-m.first+1)-s.Packets)
		s.Jitter = time.Duration(m.jitter / float64(s.Codec.ClockRate()) * float64(time.Second))
	}
	return s
}

// number extends a sequence number (RFC 3550 A.1) and files it; false for a
// packet that came before.
func (m *trackMeter) number(seq uint16) bool {
	if !m.started {
		const start = 1 << 16 // so that packets from before the first fit below
		m.started, m.highest, m.first = true, start+uint64(seq), start+uint64(seq)
		m.mark(m.highest)
		return true
	}
	ext := m.highest + uint64(int64(int16(seq-uint16(m.highest))))
	switch {
	case ext > m.highest:
		m.forget(m.highest+1, ext)
		m.highest = ext
	case m.highest-ext >= seenWords*64:
		return true // too old to know
	case m.seen[ext/64%seenWords]>>(ext%64)&1 == 1:
		return false
	}
	m.first = min(m.first, ext)
	m.mark(ext)
	return true
}

func (m *trackMeter) mark(ext uint64) { m.seen[ext/64%seenWords] |= 1 << (ext % 64) }

// forget clears the places of numbers from one to the other, both included.
func (m *trackMeter) forget(from, to uint64) {
	if to-from >= seenWords*64 {
		m.seen = [seenWords]uint64{}
		return
	}
	for ext := from; ext <= to; ext++ {
		m.seen[ext/64%seenWords] &^= 1 << (ext % 64)
	}
}

// transit updates the jitter with a packet's arrival.
func (m *trackMeter) transit(since time.Duration, timestamp uint32) {
	arrival := since.Seconds() * float64(m.Codec.ClockRate())
	transit := arrival - float64(timestamp)
	if m.lastTransit != 0 {
		d := transit - m.lastTransit
		const wrap = 1 << 31 // the timestamp began anew
		if d < 0 {
			d = -d
		}
		if d < wrap {
			m.jitter += (d - m.jitter) / 16
		}
	}
	m.lastTransit = transit
}
