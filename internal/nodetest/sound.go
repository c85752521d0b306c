package nodetest

import (
	"encoding/binary"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

// soundFrame is the time one packet of sound holds, soundBytes its size: 32 kbit/s.
const (
	soundFrame = 20 * time.Millisecond
	soundBytes = 80
)

// sound is an endless Opus source whose packets say when they were made. They hold
// nothing that could be heard.
type sound struct {
	number int
	buf    [soundBytes]byte
}

// Sound returns an audio source for publishers.
func Sound() client.Source { return &sound{} }

// Format returns Opus, stereo.
func (s *sound) Format() client.Format {
	return client.Format{Codec: codec.Opus, Fmtp: "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1"}
}

const (
	opusTOC   = 0xfc // CELT, full band, 20 ms, stereo, one frame (RFC 6716 §3.1)
	soundMark = 0x77686970
)

// Next makes a packet.
func (s *sound) Next() (client.Frame, error) {
	s.buf[0] = opusTOC
	binary.BigEndian.PutUint32(s.buf[1:], soundMark)
	binary.BigEndian.PutUint64(s.buf[5:], uint64(time.Now().UnixNano())) //nolint:gosec // after 1970
	f := client.Frame{
		Data: s.buf[:], At: time.Duration(s.number) * soundFrame, Duration: soundFrame, Keyframe: true, Number: s.number,
	}
	s.number++
	return f, nil
}

// soundMade returns when a packet of a Sound was asked for, which is up to a packet's
// time before it was sent.
func soundMade(payload []byte) (time.Time, bool) {
	if len(payload) < 13 || binary.BigEndian.Uint32(payload[1:]) != soundMark {
		return time.Time{}, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(payload[5:]))), true //nolint:gosec // our own
}

// Rewind starts anew.
func (s *sound) Rewind() error {
	s.number = 0
	return nil
}

// Close does nothing.
func (s *sound) Close() error { return nil }
