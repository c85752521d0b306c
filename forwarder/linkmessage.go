package forwarder

import (
	"encoding/binary"
	"time"
)

// Both ends of a link tell each other of encodings in RTCP packets of type APP (RFC 3550
// §6.7), named linkName. They tell of states, not of changes, and again and again: one
// that is lost does no harm.
//
//   - linkUnwanted, from the edge: the SSRCs of encodings that nobody there wants.
//   - linkLayers, from the edge: of encodings of which not all layers are wanted there, the
//     SSRC and the layers that are, as bits.
//   - linkAsleep, from the origin: that it does not send one of them, and what an edge
//     must know of it to offer it to subscribers.
const (
	rtcpApp      = 204
	linkName     = "WHPT"
	linkUnwanted = 1
	linkAsleep   = 2
	linkLayers   = 3

	linkHead      = 8       // of the body: the sender's SSRC, the name
	asleepBytes   = 8 + 4*8 // before the layers
	asleepLayer   = 8 + 2*8 // of each layer
	asleepActive  = 1       // flag
	asleepIgnores = 2       // flag
)

// linkMessage returns what an APP packet of a link carries behind its name.
func (r *rtcpReader) linkMessage(subtype uint8) ([]byte, bool) {
	if !r.is(rtcpApp, subtype) || len(r.body) < linkHead || string(r.body[4:8]) != linkName {
		return nil, false
	}
	return r.body[linkHead:], true
}

// appendLinkMessage appends the head of an APP packet with words of data to follow.
func appendLinkMessage(b []byte, subtype uint8, from uint32, words int) []byte {
	b = appendHeader(b, subtype, rtcpApp, 3+words)
	b = binary.BigEndian.AppendUint32(b, from)
	return append(b, linkName...)
}

// appendAsleep tells what there is to know of an encoding that is not sent.
func appendAsleep(b []byte, from uint32, e *Encoding, active bool) []byte {
	layers := e.Layers()
	b = appendLinkMessage(b, linkAsleep, from, (asleepBytes+len(layers)*asleepLayer)/4)
	var flags uint16
	if active {
		flags |= asleepActive
	}
	if e.IgnoresRequests() {
		flags |= asleepIgnores
	}
	b = binary.BigEndian.AppendUint32(b, e.id)
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint16(b, uint16(len(layers)))
	number := e.toldOf.Load() // an inner node passes on what it was told
	if p := e.edge.Load(); p != nil {
		number = p.Seq
	}
	for _, v := range []uint64{number, uint64(e.size.Load()), uint64(e.Bitrate()), uint64(e.interval.Load())} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	for _, l := range layers {
		b = append(b, l.Spatial, l.Temporal, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(l.Width))
		b = binary.BigEndian.AppendUint16(b, uint16(l.Height))
		b = binary.BigEndian.AppendUint64(b, uint64(l.Bitrate))
		b = binary.BigEndian.AppendUint64(b, uint64(l.TargetBitrate))
	}
	return b
}

// asleep is what an origin tells of an encoding that it does not send.
type asleep struct {
	ssrc            uint32
	active, ignores bool
	number          uint64 // the highest so far
	size            uint32 // as Encoding.size
	bitrate         int64
	interval        time.Duration
	layers          []LayerStatus
}

func readAsleep(b []byte) (a asleep, ok bool) {
	if len(b) < asleepBytes {
		return asleep{}, false
	}
	flags, n := binary.BigEndian.Uint16(b[4:]), int(binary.BigEndian.Uint16(b[6:]))
	if len(b) != asleepBytes+n*asleepLayer {
		return asleep{}, false
	}
	word := func(i int) uint64 { return binary.BigEndian.Uint64(b[8+8*i:]) }
	a = asleep{
		ssrc: binary.BigEndian.Uint32(b), active: flags&asleepActive != 0, ignores: flags&asleepIgnores != 0,
		number: word(0), size: uint32(word(1)), bitrate: int64(word(2)), interval: time.Duration(word(3)),
	}
	for b = b[asleepBytes:]; len(b) > 0; b = b[asleepLayer:] {
		a.layers = append(a.layers, LayerStatus{
			Spatial: b[0], Temporal: b[1],
			Width: int(binary.BigEndian.Uint16(b[4:])), Height: int(binary.BigEndian.Uint16(b[6:])),
			Bitrate: int64(binary.BigEndian.Uint64(b[8:])), TargetBitrate: int64(binary.BigEndian.Uint64(b[16:])),
		})
	}
	return a, true
}
