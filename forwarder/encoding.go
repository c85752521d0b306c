package forwarder

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// An Encoding is one RTP stream of a publisher's track and its history. Its
// identity within the publisher is the order of appearance; its rank is measured
// from picture size and bitrate, never taken from the RID: OBS calls its best one
// `0`, browsers may call it anything.
//
// The Publisher writes it. Methods are for readers and safe for concurrent use;
// what two of them return is not a snapshot.
type Encoding struct {
	format codec.Format // constant
	rid    string       // constant, "" without simulcast
	hist   *History

	// published by the writer for readers
	keyframe atomic.Pointer[Keyframe]
	still    atomic.Pointer[still]
	edge     atomic.Pointer[Packet] // the one with the highest number
	clock    atomic.Pointer[clockPoint]
	bitrate  atomic.Int64
	interval atomic.Int64 // between frames, nanoseconds
	size     atomic.Uint32
	ignores  atomic.Bool // keyframe requests
	ended    atomic.Bool

	// owned by the writer
	arena *arena
	ext   extender
	bad   uint64 // the number a far jump must be followed by; 0: none
	frame frame
	sets  codec.ParameterSets
	rate  rateMeter
	gate  KeyframeGate
}

// A Keyframe is where a picture that is decodable alone begins in a history.
type Keyframe struct {
	Index     uint64 // position of its first packet to arrive
	Seq       uint64 // no packet of it has a lower number
	Timestamp uint32
	At        time.Time // arrival of its first packet

	// parameters must be sent before it where it lacks its own; else none.
	parameters []*Packet
}

// still is a whole keyframe, kept apart for when it has left the history.
type still struct {
	key     *Keyframe
	packets []*Packet
}

// frame is what the writer knows of the frame with the newest timestamp.
type frame struct {
	started   bool
	timestamp uint32
	first     *Packet
	seq       uint64 // none of its packets has a lower number
	has       codec.ParameterKind
	key       *Keyframe // set once the frame proved to be one
	packets   []*Packet // the first ones, in order
	broken    bool      // one of them is missing, or they are too many
}

// Format returns the codec of the encoding.
func (e *Encoding) Format() codec.Format { return e.format }

// RID returns the RID the publisher gave the encoding, "" without simulcast.
func (e *Encoding) RID() string { return e.rid }

// History returns the encoding's packets.
func (e *Encoding) History() *History { return e.hist }

// Keyframe returns where the last keyframe begins; nil if there was none yet.
// For audio it is nil: every packet will do.
func (e *Encoding) Keyframe() *Keyframe { return e.keyframe.Load() }

// Bitrate returns what the encoding carried in the last second or so, in bits of
// RTP payload per second.
func (e *Encoding) Bitrate() int64 { return e.bitrate.Load() }

// Size returns the picture's width and height in pixels; 0, 0 if unknown.
func (e *Encoding) Size() (width, height int) {
	s := e.size.Load()
	return int(s >> 16), int(s & 0xffff)
}

// FrameInterval returns the usual time between two frames; 0 if unknown.
func (e *Encoding) FrameInterval() time.Duration { return time.Duration(e.interval.Load()) }

// IgnoresRequests tells whether the last keyframe requests were not answered.
func (e *Encoding) IgnoresRequests() bool { return e.ignores.Load() }

// Ended tells whether no packet can come any more.
func (e *Encoding) Ended() bool { return e.ended.Load() }

// Active tells whether packets came lately.
func (e *Encoding) Active(now time.Time) bool {
	p := e.edge.Load()
	return p != nil && !e.Ended() && now.Sub(p.At) < activeWindow
}

// liveTimestamp is the RTP timestamp that arrives at now, by the newest packet.
func (e *Encoding) liveTimestamp(now time.Time) uint32 {
	p := e.edge.Load()
	return p.Timestamp + ticks(now.Sub(p.At), e.format.Name.ClockRate())
}

// ticks converts d, which may be negative, to units of an RTP clock.
func ticks(d time.Duration, clock uint32) uint32 {
	return uint32(int64(d) * int64(clock/1000) / int64(time.Millisecond))
}

// duration converts a signed difference of RTP timestamps to time.
func duration(d int32, clock uint32) time.Duration {
	return time.Duration(int64(d) * int64(time.Millisecond) / int64(clock/1000))
}

// push appends a packet that was not there yet. repaired tells that it came by
// retransmission.
func (e *Encoding) push(p *Packet, info codec.Info) {
	newest := e.ext.advance(p.Seq)
	e.hist.Append(p)
	e.rate.add(p.At, len(p.Payload))
	e.bitrate.Store(e.rate.bitrate)
	if e.format.Name.Kind() == codec.Audio {
		e.hist.Keep(p.Index)
	} else {
		e.video(p, info)
	}
	if newest {
		e.edge.Store(p)
	}
}

// video finds keyframes. A keyframe begins with the first packet that carries
// its timestamp: parameter sets or delimiters may come in packets of their own.
func (e *Encoding) video(p *Packet, info codec.Info) {
	if len(p.Payload) == 0 {
		return
	}
	f := &e.frame
	if !f.started || after(p.Timestamp, f.timestamp) {
		e.beginFrame(p)
	} else if p.Timestamp != f.timestamp {
		return // late, of an earlier frame
	}
	f.has |= info.Parameters
	f.seq = min(f.seq, p.Seq)
	if info.Parameters != 0 {
		e.sets.Keep(e.format, p.Payload)
	}
	if info.Width > 0 {
		e.size.Store(uint32(info.Width)<<16 | uint32(info.Height))
	}
	if info.Keyframe && f.key == nil {
		e.beginKeyframe(p)
	}
	e.collectStill(p)
}

func (e *Encoding) beginFrame(p *Packet) {
	f := &e.frame
	if f.started {
		d := duration(int32(p.Timestamp-f.timestamp), e.format.Name.ClockRate())
		e.interval.Store(int64(smooth(e.FrameInterval(), d)))
	}
	seq := p.Seq
	if old := e.edge.Load(); old != nil && old.Seq < seq {
		seq = old.Seq + 1 // what was lost before it may belong to this frame
	}
	*f = frame{started: true, timestamp: p.Timestamp, first: p, seq: seq, packets: f.packets[:0]}
}

// smooth follows the usual value of a noisy one; far outliers (pauses) count little.
func smooth(old, d time.Duration) time.Duration {
	if old == 0 {
		return d
	}
	return old + (min(d, 4*old)-old)/8
}

func (e *Encoding) beginKeyframe(p *Packet) {
	f := &e.frame
	k := &Keyframe{Index: f.first.Index, Seq: f.seq, Timestamp: f.timestamp, At: f.first.At}
	k.parameters = e.missingParameters(p)
	f.key = k
	e.gate.Keyframe(p.At)
	e.ignores.Store(e.gate.Ignored())
	e.hist.Keep(k.Index)
	e.keyframe.Store(k)
}

// missingParameters makes packets of the parameter sets the keyframe lacks: one
// that aggregates them, or one each where the packetization mode has none (RFC
// 6184 §6.2).
func (e *Encoding) missingParameters(p *Packet) []*Packet {
	if e.format.Parameters()&^e.frame.has == 0 || !e.sets.Complete(e.format) {
		return nil
	}
	if e.format.Name != codec.H264 || e.format.Mode != 0 {
		return []*Packet{{Timestamp: p.Timestamp, At: p.At, Payload: e.sets.AppendPayload(nil), Ext: p.Ext}}
	}
	var out []*Packet
	for i := range e.sets.Len() {
		out = append(out, &Packet{Timestamp: p.Timestamp, At: p.At, Payload: slices.Clone(e.sets.NAL(i)), Ext: p.Ext})
	}
	return out
}

// collectStill keeps a keyframe's packets apart until it is whole. One that
// misses a packet is not kept.
func (e *Encoding) collectStill(p *Packet) {
	f := &e.frame
	if f.broken || p.Seq != f.seq+uint64(len(f.packets)) || len(f.packets) == stillPackets {
		f.broken = true
		return
	}
	f.packets = append(f.packets, p)
	if p.Marker && f.key != nil {
		e.still.Store(&still{f.key, f.packets})
		f.packets, f.broken = nil, true
	}
}

// rateMeter measures bitrate over windows of half a second or more.
type rateMeter struct {
	since   time.Time
	bits    int64
	bitrate int64 // bits per second
}

const rateWindow = 500 * time.Millisecond

func (m *rateMeter) add(now time.Time, bytes int) {
	if m.since.IsZero() {
		m.since = now
	}
	if d := now.Sub(m.since); d >= rateWindow {
		rate := m.bits * int64(time.Second) / int64(d)
		if m.bitrate == 0 {
			m.bitrate = rate
		}
		m.bitrate += (rate - m.bitrate) / 2
		m.since, m.bits = now, 0
	}
	m.bits += int64(bytes) * 8
}
