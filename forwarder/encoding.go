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
	id     uint32       // constant; its SSRC on links, another one for each of a publisher's
	pt     uint8        // constant; its payload type on links, 0: there was none left
	format codec.Format // constant
	rid    string       // constant, "" without simulcast
	since  time.Time    // constant; arrival of the first packet

	relayed bool // constant; it comes over a link

	hist *History

	// published by the writer for readers
	keyframe atomic.Pointer[Keyframe]
	still    atomic.Pointer[still]
	edge     atomic.Pointer[Packet] // with media, the one with the highest number
	clock    atomic.Pointer[clockPoint]
	bitrate  atomic.Int64
	interval atomic.Int64 // between frames, nanoseconds
	least    atomic.Int64 // the least of them since the last keyframe; 0: unknown
	size     atomic.Uint32
	lag      atomic.Int64 // how old the newest packet was when it came, nanoseconds; see codec.Age
	ignores  atomic.Bool  // keyframe requests
	ended    atomic.Bool
	status   atomic.Pointer[[]LayerStatus]
	lately   atomic.Pointer[latelyRates] // nil: unknown

	// of one that comes over a link, nanoseconds since its beginning; see sleep
	wantedAt atomic.Int64     // when somebody last wanted it
	wantedOf [2]atomic.Uint32 // layers that somebody wanted in this wantLayerTime and the one before, as bits
	toldOf   atomic.Uint64    // the highest number the origin told of, while nothing comes
	toldAt   atomic.Int64     // when the origin last said that it is active, though not sent; 0: never

	// owned by the writer
	ext    extender
	bad    uint64    // the number a far jump must be followed by; noNumber: none
	sleeps bool      // the origin does not send it
	turnAt time.Time // when wantedOf is turned; zero: it never was
	frame  frame
	sets   codec.ParameterSets
	rate   rateMeter
	layers layerMeter
	gate   KeyframeGate
	facts  facts

	// reordered counts frames sent before one that is shown earlier: B-frames.
	reordered uint64
}

// A Keyframe is where a picture that is decodable alone begins in a history.
type Keyframe struct {
	Index     uint64 // position of its first packet to arrive
	Seq       uint64 // no packet of it has a lower number
	Start     uint64 // the lowest of its numbers that had come; those from Seq on may be its or the frame's before
	Timestamp uint32
	At        time.Time // arrival of its first packet

	// early is the position of the first to come of what follows on it: packets may have
	// overtaken it.
	early uint64

	// parameters must be sent before it where it lacks its own; else none.
	parameters []*Packet
}

// still is a whole keyframe, kept apart for when it has left the history.
type still struct {
	key     *Keyframe
	packets []*Packet
	bytes   int // of their payloads
}

// frame is what the writer knows of the frame with the newest timestamp.
type frame struct {
	started   bool
	timestamp uint32
	first     *Packet
	seq       uint64 // none of its packets has a lower number
	start     uint64 // the lowest number that came
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
	return !e.Ended() && (p != nil && now.Sub(e.heard(p)) < activeWindow || e.told(now))
}

// sending tells whether packets come as usual: sooner than [Encoding.Active] it shows that
// the encoding pauses.
func (e *Encoding) sending(now time.Time) bool {
	p := e.edge.Load()
	return p != nil && !e.Ended() && now.Sub(e.heard(p)) < max(keyframeInterval, 2*e.FrameInterval())
}

// heard is when p, the newest packet, came here: over a link it may be older.
func (e *Encoding) heard(p *Packet) time.Time { return p.At.Add(time.Duration(e.lag.Load())) }

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

// push appends a packet that was not there yet. One without payload is a probe
// and belongs to no frame, though it takes a number.
func (e *Encoding) push(p *Packet, info codec.Info) {
	before := e.ext.highest
	newest := e.ext.advance(p.Seq)
	e.hist.Append(p)
	e.rate.add(p.At, p.whole())
	e.bitrate.Store(e.rate.bitrate)
	e.measureLayers(p)
	if len(p.Payload) == 0 {
		return
	}
	if newest {
		if last := e.edge.Load(); last != nil && p.At.Sub(last.At) >= activeWindow {
			e.gate.Returned()
			e.ignores.Store(false)
		}
		e.edge.Store(p) // before the keyframe: who finds that finds its edge
	}
	if e.format.Name.Kind() == codec.Audio {
		e.hist.Keep(p.Index)
		return
	}
	e.video(p, info, newest, before)
}

// video finds keyframes. A keyframe begins with the first packet that carries
// its timestamp: parameter sets or delimiters may come in packets of their own.
// Frames are told apart by timestamp and put in order by number, since a
// publisher's clock may step back. before is the highest number before p.
func (e *Encoding) video(p *Packet, info codec.Info, newest bool, before uint64) {
	f := &e.frame
	switch {
	case f.started && p.Timestamp == f.timestamp:
	case newest || !f.started:
		e.beginFrame(p, before)
	default:
		e.late(p, info)
		return
	}
	f.has |= info.Parameters
	f.seq, f.start = min(f.seq, p.Seq), min(f.start, p.Seq)
	e.learn(p, info)
	if info.Keyframe && f.key == nil {
		f.key = e.newKeyframe(p.At, f)
	}
	e.collectStill(p)
}

// learn keeps parameter sets and the picture's size.
func (e *Encoding) learn(p *Packet, info codec.Info) {
	if info.Parameters != 0 {
		e.sets.Keep(e.format, p.Payload)
	}
	if info.Width > 0 {
		e.size.Store(uint32(info.Width)<<16 | uint32(info.Height))
	}
}

func (e *Encoding) beginFrame(p *Packet, before uint64) {
	f := &e.frame
	if f.started && after(f.timestamp, p.Timestamp) {
		e.reordered++
	}
	if d := duration(int32(p.Timestamp-f.timestamp), e.format.Name.ClockRate()); f.started && d > 0 {
		e.interval.Store(int64(smooth(e.FrameInterval(), d)))
		if least := e.least.Load(); least == 0 || int64(d) < least {
			e.least.Store(int64(d))
		}
	}
	seq := p.Seq
	if before != 0 && before < seq {
		seq = before + 1 // what was lost before it may belong to this frame
	}
	*f = frame{started: true, timestamp: p.Timestamp, first: p, seq: seq, start: p.Seq, packets: f.packets[:0]}
}

// late looks at a packet of an earlier frame: the one a keyframe is known by may
// have been lost and repaired when the next frame had already begun.
func (e *Encoding) late(p *Packet, info codec.Info) {
	key := e.keyframe.Load()
	if !info.Keyframe || key != nil && (p.Seq <= key.Start || p.Timestamp == key.Timestamp) {
		return
	}
	f := frame{timestamp: p.Timestamp, first: p, start: p.Seq}
	for i := p.Index; i > e.hist.Tail() && p.Index-i < lateReach; i-- {
		if q := e.hist.At(i - 1); q != nil && q.Timestamp == p.Timestamp && len(q.Payload) > 0 {
			f.first, f.start = q, min(f.start, q.Seq)
			f.has |= codec.Inspect(e.format, q.Payload).Parameters
		}
	}
	f.has |= info.Parameters
	f.seq = f.start
	for seq := f.start - 1; f.start-seq <= lateReach; seq-- {
		if e.hist.BySeq(seq) != nil {
			f.seq = seq + 1 // what was lost between may belong to this frame
			break
		}
	}
	e.learn(p, info)
	e.newKeyframe(p.At, &f)
}

// smooth follows the usual value of a noisy one; far outliers (pauses) count little.
func smooth(old, d time.Duration) time.Duration {
	if old == 0 {
		return d
	}
	return old + (min(d, 4*old)-old)/8
}

// newKeyframe makes the keyframe that began with f known. now is when it proved
// to be one.
func (e *Encoding) newKeyframe(now time.Time, f *frame) *Keyframe {
	k := &Keyframe{Index: f.first.Index, Seq: f.seq, Start: f.start, Timestamp: f.timestamp, At: f.first.At}
	k.parameters = e.missingParameters(f)
	e.facts.keyframe(now, e, f)
	e.gate.Keyframe(now)
	e.ignores.Store(e.gate.Ignored())
	k.early = e.earliest(k)
	e.hist.Keep(k.early)
	e.least.Store(0)
	e.keyframe.Store(k)
	e.toldAt.Store(0)
	return k
}

// lowest returns the number k begins with for a reader who begins now: the lowest
// that may be k's, given what came since k was found.
func (e *Encoding) lowest(k *Keyframe) uint64 {
	seq := k.Start
	for ; seq > k.Seq; seq-- {
		if p := e.hist.BySeq(seq - 1); p != nil && p.Timestamp != k.Timestamp {
			break
		}
	}
	return seq
}

// earliest finds the first to come of what follows on k.
func (e *Encoding) earliest(k *Keyframe) uint64 {
	first := k.Index
	for i := k.Index; i > e.hist.Tail() && k.Index-i < earlyReach; i-- {
		if p := e.hist.At(i - 1); p != nil && p.Seq > k.Start {
			first = p.Index
		}
	}
	return first
}

// missingParameters makes packets of the parameter sets the keyframe lacks: one
// that aggregates them, or one each where the packetization mode has none (RFC
// 6184 §6.2). They have the number 0.
func (e *Encoding) missingParameters(f *frame) []*Packet {
	if e.format.Parameters()&^f.has == 0 || !e.sets.Complete(e.format) {
		return nil
	}
	p := e.hist.BySeq(f.start)
	if p == nil {
		p = f.first
	}
	if e.format.Name != codec.H264 || e.format.Mode != 0 {
		return []*Packet{leading(p, e.sets.AppendPayload(nil))}
	}
	var out []*Packet
	for i := range e.sets.Len() {
		out = append(out, leading(p, slices.Clone(e.sets.NAL(i))))
	}
	return out
}

// leading makes a packet of p's frame that goes before it: it ends nothing.
func leading(p *Packet, payload []byte) *Packet {
	out := &Packet{Timestamp: p.Timestamp, At: p.At, Payload: payload, Ext: slices.Clone(p.Ext), Layering: p.Layering}
	out.Layering.Last, out.Layering.Flags = 0, p.Layering.Flags&^codec.LayerEnd
	for i := range out.Ext {
		if e := &out.Ext[i]; e.Ext == codec.DependencyDescriptor {
			e.Data = codec.WithoutEnd(e.Data)
		}
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
		e.still.Store(newStill(f.key, f.packets))
		f.packets, f.broken = nil, true
	}
}

func newStill(key *Keyframe, packets []*Packet) *still {
	s := &still{key: key, packets: packets}
	for _, p := range packets {
		s.bytes += len(p.Payload)
	}
	return s
}

// end says that no packet will come any more.
func (e *Encoding) end() {
	e.ended.Store(true)
	e.hist.Close()
}
