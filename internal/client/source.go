package client

import (
	"errors"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Frame is one coded picture (Annex B for H.264 and H.265, a temporal unit of
// OBUs for AV1) or one packet of sound.
type Frame struct {
	Data     []byte
	At       time.Duration // media time since the source's start
	Duration time.Duration
	Keyframe bool // decodable alone; true for all sound

	// Number counts the frames of a source from 0; a rewound source goes on
	// counting from 0 again.
	Number int
}

// A Format is what a source sends: the codec and what SDP says of it.
type Format struct {
	Codec codec.Name
	Fmtp  string // fmtp parameters of the offer, "" for none
}

// A Source yields the frames of one RTP stream. It is used by one goroutine at
// a time; Close may be called from any and makes a blocked Next return.
type Source interface {
	// Format returns what the source sends; constant.
	Format() Format

	// Next returns the next frame, which stays valid until the call after.
	// It returns io.EOF at the end, and other errors for broken media.
	Next() (Frame, error)

	// Rewind goes back to the first frame; ErrNoRewind if that cannot be done.
	Rewind() error

	// Close frees what the source holds. Calling it again does nothing.
	Close() error
}

// A PacketSource is a Source whose RTP packets are made elsewhere: ReadRTP is
// called in place of Next, and packets are forwarded as they come, with the
// session's payload type and SSRC.
type PacketSource interface {
	Source

	// ReadRTP blocks for the next packet, which stays valid until the call
	// after. It returns io.EOF after Close.
	ReadRTP() (*rtp.Packet, error)
}

// A KeyframeRequester is a Source that can answer keyframe requests.
// RequestKeyframe is safe for concurrent use and does not block.
type KeyframeRequester interface {
	RequestKeyframe()
}

// ErrNoRewind is returned by sources that exist only once, such as live RTP.
var ErrNoRewind = errors.New("this source cannot start anew")
