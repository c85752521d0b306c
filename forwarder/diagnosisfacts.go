package forwarder

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// facts are what the diagnosis knows of one encoding. Its writer owns them; they cost
// nothing per packet: keyframes are told of as they come, the rest is read from the
// history once a second.
type facts struct {
	// keyframes
	interval     atomic.Int64 // for readers; see KeyframeInterval
	key          time.Time    // arrival of the last
	keyTimestamp uint32
	own          [keyframesKept]time.Duration
	owns         int  // intervals in own so far: keyframes that nobody had asked for
	prompt       int  // in a row that came at once when asked for
	bare         bool // the last lacked parameter sets that nobody has

	// looks
	position  uint64 // in the history
	newest    uint32 // timestamp of the packet looked at last
	anyNewest bool
	sliced    uint32 // timestamp of the last picture whose type is known
	anySliced bool
	late      uint64 // the encoding's reordered frames at the last look
	pictures  int    // whose types are known
	bFrames   int
	lastB     time.Time
	bitrate   int64 // mean of some looks
	transit   transit
}

// KeyframeInterval returns the time between the keyframes the encoder makes by itself,
// the longest of the last few; 0 if it makes none regularly, or too few came to tell. It
// is safe for concurrent use.
func (e *Encoding) KeyframeInterval() time.Duration {
	return time.Duration(e.facts.interval.Load())
}

// keyframe notes the keyframe that begins with fr and proved to be one at now. It must
// come before the gate hears of it.
func (f *facts) keyframe(now time.Time, e *Encoding, fr *frame) {
	asked := !e.gate.last.IsZero() && now.Sub(e.gate.last) < answerWindow
	switch {
	case e.gate.unanswered > 1:
		f.prompt = 0
	case asked && e.gate.unanswered == 1:
		f.prompt++
	}
	if !f.key.IsZero() && !asked {
		f.own[f.owns%keyframesKept] = f.since(e, fr)
		f.owns++
		f.interval.Store(int64(f.regular()))
	}
	f.key, f.keyTimestamp = fr.first.At, fr.timestamp
	f.bare = e.format.Parameters()&^fr.has != 0 && !e.sets.Complete(e.format)
}

// since returns the time from the last keyframe to the one that begins with fr: by its
// timestamps, which a slow machine or network does not stretch, unless these step back.
func (f *facts) since(e *Encoding, fr *frame) time.Duration {
	if d := duration(int32(fr.timestamp-f.keyTimestamp), e.format.Name.ClockRate()); d > 0 {
		return d
	}
	return fr.first.At.Sub(f.key)
}

// regular returns the longest of the last intervals that another one confirms: it is a
// setting then and no accident.
func (f *facts) regular() time.Duration {
	own := f.own
	slices.Sort(own[:])
	for i := keyframesKept - 1; i > 0; i-- {
		if own[i-1] >= own[i]-own[i]/10 {
			return own[i]
		}
	}
	return 0
}

// stretch is how long subscribers wait for a keyframe, as far as is known: the encoder's
// own interval, or however long there was none where it does not make them when asked. It
// is 0 for an encoder that proved to listen.
func (f *facts) stretch(now time.Time, ignores bool) time.Duration {
	d := time.Duration(f.interval.Load())
	switch {
	case f.key.IsZero(), !ignores && f.prompt >= promptAnswers:
		return 0
	case !ignores:
		return d
	case d == 0:
		d = slices.Max(f.own[:])
	}
	return max(d, now.Sub(f.key))
}

// look reads what came since the last look, the newest packets at most.
func (f *facts) look(e *Encoding) {
	f.bitrate += (e.Bitrate() - f.bitrate) / 4
	head := e.hist.Head()
	if head-f.position > lookPackets {
		f.position = head - lookPackets
	}
	pictures, b := 0, 0
	for ; f.position < head; f.position++ {
		p := e.hist.At(f.position)
		if p == nil || len(p.Payload) == 0 {
			continue
		}
		if p.Timestamp != f.newest || !f.anyNewest {
			f.newest, f.anyNewest = p.Timestamp, true
			f.transit.add(e, p) // further packets of a frame are never earlier
		}
		switch f.slice(e, p) {
		case codec.SliceB:
			b++
			pictures++
		case codec.SliceI, codec.SliceP:
			pictures++
		}
	}
	f.countB(e, pictures, b)
}

// slice returns the type of the picture that p is of, once for each.
func (f *facts) slice(e *Encoding, p *Packet) codec.SliceType {
	if e.format.Parameters() == 0 || f.anySliced && p.Timestamp == f.sliced {
		return 0
	}
	t := e.sets.SliceType(e.format, p.Payload)
	if t != 0 {
		f.sliced, f.anySliced = p.Timestamp, true
	}
	return t
}

// countB counts pictures that are shown before one that was sent earlier. Slices of type
// B alone are none where the encoder promises to keep the order.
func (f *facts) countB(e *Encoding, pictures, b int) {
	if b > 0 {
		if order, said := e.sets.Reorder(e.format); said && order == 0 {
			b = 0
		}
	}
	if b == 0 {
		b = int(e.reordered - f.late)
	}
	f.late = e.reordered
	edge := e.edge.Load()
	if edge == nil {
		return
	}
	if b > 0 {
		f.lastB = edge.At
	} else if edge.At.Sub(f.lastB) > findingHold {
		f.pictures, f.bFrames = 0, 0 // it was an accident, or is over
	}
	f.pictures += pictures
	f.bFrames += b
}
