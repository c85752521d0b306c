package rtc

import (
	"time"

	"github.com/pion/interceptor/pkg/twcc"
)

// A TransportFeedback collects the arrivals of packets with transport-wide sequence
// numbers and writes the feedback that a publisher's congestion control wants
// (draft-holmer-rmcat-transport-wide-cc-extensions-01). What it holds is bounded to
// the numbers of the last half second. Not safe for concurrent use.
type TransportFeedback struct {
	recorder *twcc.Recorder
	start    time.Time // of the first packet; times on the wire count from it
}

// NewTransportFeedback makes one that signs as senderSSRC.
func NewTransportFeedback(senderSSRC uint32) *TransportFeedback {
	return &TransportFeedback{recorder: twcc.NewRecorder(senderSSRC)}
}

// Record notes that the packet with the transport-wide number seq, of the stream
// mediaSSRC, arrived at the given time. Only differences of times matter. A number
// that was noted before is not noted again.
func (f *TransportFeedback) Record(mediaSSRC uint32, seq uint16, at time.Time) {
	if f.start.IsZero() {
		f.start = at
	}
	f.recorder.Record(mediaSSRC, seq, at.Sub(f.start).Microseconds())
}

// AppendTo appends the feedback for all that was recorded since the last call to
// dst, as RTCP packets ready to be sent. Nothing recorded: dst unchanged.
func (f *TransportFeedback) AppendTo(dst []byte) []byte {
	for _, p := range f.recorder.BuildFeedbackPacket() {
		if b, err := p.Marshal(); err == nil {
			dst = append(dst, b...)
		}
	}
	return dst
}
