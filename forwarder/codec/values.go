package codec

import (
	"encoding/binary"
	"time"
)

// AbsCaptureTimeValue is the value of the abs-capture-time header extension.
type AbsCaptureTimeValue struct {
	// Capture is when the first sample was captured: an NTP timestamp, seconds
	// since 1900 in 32.32 bits, of the capturing system's clock.
	Capture uint64

	// HasOffset tells whether ClockOffset was sent: the capturing system's clock
	// minus the sender's, in seconds with 32 fractional bits.
	HasOffset   bool
	ClockOffset int64
}

// ParseAbsCaptureTime reads a value of 8 or 16 bytes; false for other lengths.
func ParseAbsCaptureTime(value []byte) (AbsCaptureTimeValue, bool) {
	switch len(value) {
	case 8:
		return AbsCaptureTimeValue{Capture: binary.BigEndian.Uint64(value)}, true
	case 16:
		return AbsCaptureTimeValue{
			Capture:     binary.BigEndian.Uint64(value),
			HasOffset:   true,
			ClockOffset: int64(binary.BigEndian.Uint64(value[8:])),
		}, true
	}
	return AbsCaptureTimeValue{}, false
}

// Append appends the value, 8 or 16 bytes, to dst.
func (v AbsCaptureTimeValue) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, v.Capture)
	if v.HasOffset {
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.ClockOffset))
	}
	return dst
}

// PlayoutDelayValue is the value of the playout-delay header extension: how long
// a receiver may hold frames back between capture and display.
type PlayoutDelayValue struct {
	Min, Max time.Duration // 0 to 40.95 s in steps of 10 ms
}

const (
	playoutDelayStep = 10 * time.Millisecond
	playoutDelayMax  = 1<<12 - 1 // steps
)

// ParsePlayoutDelay reads a value of 3 bytes; false for other lengths and where
// Min exceeds Max.
func ParsePlayoutDelay(value []byte) (PlayoutDelayValue, bool) {
	if len(value) != 3 {
		return PlayoutDelayValue{}, false
	}
	lo := uint16(value[0])<<4 | uint16(value[1]>>4)
	hi := uint16(value[1]&0x0f)<<8 | uint16(value[2])
	return PlayoutDelayValue{
		Min: time.Duration(lo) * playoutDelayStep,
		Max: time.Duration(hi) * playoutDelayStep,
	}, lo <= hi
}

// Append appends the value, 3 bytes, to dst. Delays are cut to their range and
// rounded down to its steps.
func (v PlayoutDelayValue) Append(dst []byte) []byte {
	lo, hi := playoutDelaySteps(v.Min), playoutDelaySteps(v.Max)
	return append(dst, byte(lo>>4), byte(lo<<4)|byte(hi>>8), byte(hi))
}

func playoutDelaySteps(d time.Duration) uint16 {
	return uint16(min(max(d/playoutDelayStep, 0), playoutDelayMax))
}

// AudioLevelValue is the value of the ssrc-audio-level header extension (RFC 6464).
type AudioLevelValue struct {
	Voice bool  // the sender believes that somebody speaks
	Level uint8 // in -dBov: 0 is the loudest, 127 is silence
}

// ParseAudioLevel reads a value; false if it is empty. In the two-byte form a
// padding byte may follow, which is passed over.
func ParseAudioLevel(value []byte) (AudioLevelValue, bool) {
	if len(value) == 0 {
		return AudioLevelValue{}, false
	}
	return AudioLevelValue{Voice: value[0]&0x80 != 0, Level: value[0] & 0x7f}, true
}

// ParseAbsSendTime reads the value of the abs-send-time header extension: a time
// of the sender's clock in 6.18 bits of seconds, which wraps every 64 s. It
// returns false unless the value has 3 bytes.
func ParseAbsSendTime(value []byte) (time.Duration, bool) {
	if len(value) != 3 {
		return 0, false
	}
	v := int64(value[0])<<16 | int64(value[1])<<8 | int64(value[2])
	return time.Duration(v * int64(time.Second) >> 18), true
}

// AppendAbsSendTime appends the 3 bytes of a time since any fixed point, modulo
// 64 s. at must not be negative.
func AppendAbsSendTime(dst []byte, at time.Duration) []byte {
	v := uint64(at%(64*time.Second)) << 18 / uint64(time.Second)
	return append(dst, byte(v>>16), byte(v>>8), byte(v))
}
