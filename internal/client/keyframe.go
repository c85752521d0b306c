package client

import "github.com/whippet-media/whippet/forwarder/codec"

// NAL unit types used here (H.264 Table 7-1, H.265 Table 7-1).
const (
	h264Slice, h264IDR, h264SPS, h264PPS, h264AUD = 1, 5, 7, 8, 9
	h264STAPA, h264FUA                            = 24, 28

	h265IRAPFirst, h265IRAPLast = 16, 21
	h265VPS                     = 32
	h265AP, h265FU              = 48, 49
)

// isKeyframe tells whether a whole frame can be decoded alone.
func isKeyframe(name codec.Name, frame []byte) bool {
	if len(frame) == 0 {
		return false
	}
	switch name {
	case codec.H264:
		return hasNAL(frame, func(nal []byte) bool { return nal[0]&0x1f == h264IDR })
	case codec.H265:
		return hasNAL(frame, func(nal []byte) bool { return irap(nal[0] >> 1 & 0x3f) })
	case codec.VP8:
		return frame[0]&1 == 0 // RFC 6386 §9.1
	case codec.VP9:
		return vp9Keyframe(frame[0])
	case codec.AV1:
		return av1Sequence(frame)
	}
	return true
}

func irap(nal byte) bool { return nal >= h265IRAPFirst && nal <= h265IRAPLast }

// vp9Keyframe reads frame_type of the uncompressed header (VP9 bitstream §6.2).
func vp9Keyframe(b byte) bool {
	const marker, profile3 = 2, 3
	if b>>4&profile3 == profile3 {
		b = b&0xf0 | b<<1&0x0f // a reserved bit stands before the flags
	}
	showExisting, interFrame := b>>3&1, b>>2&1
	return b>>6 == marker && showExisting == 0 && interFrame == 0
}

// av1Sequence tells whether a temporal unit carries a sequence header, which
// encoders put before every keyframe.
func av1Sequence(unit []byte) bool {
	const sequenceHeader = 1
	for len(unit) > 0 {
		header := unit[0]
		if header>>3&0xf == sequenceHeader {
			return true
		}
		size := 1 + int(header>>2&1)
		if header>>1&1 == 0 || len(unit) < size {
			return false // without a size field nothing follows
		}
		length, n := leb128(unit[size:])
		if n == 0 || length > len(unit)-size-n {
			return false
		}
		unit = unit[size+n+length:]
	}
	return false
}

// leb128 reads a number of at most four bytes; n is 0 if there is none.
func leb128(b []byte) (value, n int) {
	for i := 0; i < min(len(b), 4); i++ {
		value |= int(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}

// startsKeyframe tells whether an RTP payload begins a keyframe, or brings the
// parameter sets just before one.
func startsKeyframe(name codec.Name, p []byte) bool {
	if len(p) < 2 {
		return false
	}
	switch name {
	case codec.H264:
		return h264Start(p)
	case codec.H265:
		return h265Start(p)
	case codec.VP8:
		return vp8Start(p)
	case codec.VP9:
		const interPicture, layerStart = 0x40, 0x08 // RFC 9628 §4.2
		return p[0]&interPicture == 0 && p[0]&layerStart != 0
	case codec.AV1:
		const continues, newSequence = 0x80, 0x08 // AV1 RTP §4.4
		return p[0]&continues == 0 && p[0]&newSequence != 0
	}
	return false
}

func h264Start(p []byte) bool {
	switch p[0] & 0x1f {
	case h264IDR, h264SPS:
		return true
	case h264FUA: // RFC 6184 §5.8
		return p[1]&0x80 != 0 && p[1]&0x1f == h264IDR
	case h264STAPA:
		for p = p[1:]; len(p) > 2; {
			size := int(p[0])<<8 | int(p[1])
			if t := p[2] & 0x1f; t == h264IDR || t == h264SPS {
				return true
			}
			p = p[min(len(p), 2+size):]
		}
	}
	return false
}

func h265Start(p []byte) bool {
	switch t := p[0] >> 1 & 0x3f; {
	case irap(t), t == h265VPS:
		return true
	case t == h265FU && len(p) > 2: // RFC 7798 §4.4.3
		return p[2]&0x80 != 0 && irap(p[2]&0x3f)
	case t == h265AP && len(p) > 4: // the first unit decides: parameter sets come first
		first := p[4] >> 1 & 0x3f
		return irap(first) || first == h265VPS
	}
	return false
}

// vp8Start skips the payload descriptor (RFC 7741 §4.2) up to the frame header.
func vp8Start(p []byte) bool {
	const extended, start, partition = 0x80, 0x10, 0x07
	if p[0]&start == 0 || p[0]&partition != 0 {
		return false
	}
	at := 1
	if p[0]&extended != 0 {
		const pictureID, tl0, tidKey = 0x80, 0x40, 0x30
		flags := p[1]
		at++
		if flags&pictureID != 0 && at < len(p) {
			at += 1 + int(p[at]>>7)
		}
		if flags&tl0 != 0 {
			at++
		}
		if flags&tidKey != 0 {
			at++
		}
	}
	return at < len(p) && p[at]&1 == 0
}

// hasNAL tells whether a NAL unit of an Annex B stream satisfies want.
func hasNAL(stream []byte, want func(nal []byte) bool) bool {
	for len(stream) > 0 {
		var nal []byte
		nal, stream = nextNAL(stream)
		if len(nal) > 0 && want(nal) {
			return true
		}
	}
	return false
}

// nextNAL cuts the first NAL unit out of an Annex B stream and returns it
// without start code and trailing zeros, and the rest from the next start code.
func nextNAL(stream []byte) (nal, rest []byte) {
	from := startCode(stream)
	if from < 0 {
		return nil, nil
	}
	stream = stream[from+3:]
	to := startCode(stream)
	if to < 0 {
		return trimZeros(stream), nil
	}
	return trimZeros(stream[:to]), stream[to:]
}

// startCode returns where the next 00 00 01 is, -1 if there is none.
func startCode(b []byte) int {
	for i := 2; i < len(b); {
		switch {
		case b[i] > 1:
			i += 3
		case b[i] == 1 && b[i-1] == 0 && b[i-2] == 0:
			return i - 2
		default:
			i++
		}
	}
	return -1
}

func trimZeros(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}
