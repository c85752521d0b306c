package scenario

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Player is what the subscriber has negotiated. The zero Player is a browser's:
// transport-wide numbers on sound and video, and a stream of retransmissions.
type Player struct {
	NoSound bool  // neither the subscriber nor the publisher has any
	Deaf    bool  // sound has no transport-wide numbers
	NoRTX   bool  // what is sent again has no stream of its own
	REMB    int64 // nothing has such numbers: the receiver always says this, bits per second
	Tells   bool  // nothing has them: the receiver says what it estimates
}

// plain tells whether nothing has transport-wide numbers.
func (p *Player) plain() bool { return p.REMB > 0 || p.Tells }

// tracks are what it negotiated, with video of a format.
func (p *Player) tracks(format codec.Format) []forwarder.SubscriberTrack {
	ids := map[codec.Extension]uint8{codec.TransportCC: transportID}
	if p.plain() {
		ids = nil
	}
	video := forwarder.SubscriberTrack{
		Kind: codec.Video, MID: "1", SSRC: subVideoSSRC, RTXSSRC: subRTXSSRC, CNAME: "c", NACK: true, Extensions: ids,
		Formats: []forwarder.SubscriberFormat{{Format: format, PT: subscriberPT, RTX: subscriberRTX}},
	}
	if p.NoRTX {
		video.RTXSSRC, video.Formats[0].RTX = 0, 0
	}
	if p.NoSound {
		return []forwarder.SubscriberTrack{video}
	}
	sound := forwarder.SubscriberTrack{
		Kind: codec.Audio, MID: "0", SSRC: subAudioSSRC, CNAME: "c", Extensions: ids,
		Formats: []forwarder.SubscriberFormat{{Format: codec.Format{Name: codec.Opus}, PT: subAudioPT}},
	}
	if p.Deaf {
		sound.Extensions = nil
	}
	return []forwarder.SubscriberTrack{sound, video}
}

// A localEstimate is a receiver's own: half more than what arrives at most, less than it while
// packets wait.
type localEstimate struct {
	rate  float64
	bits  int // that arrived since at
	at    time.Duration
	least time.Duration // of a packet on its way
	last  time.Duration
}

const (
	rembEvery    = 200 * time.Millisecond
	rembQueue    = 50 * time.Millisecond
	rembLower    = 0.85
	rembGrowth   = 1.08 // a second
	rembFactor   = 1.5
	rembFirst    = 300_000
	rembMantissa = 1 << 18
)

func (l *localEstimate) receive(at, way time.Duration, bytes int) {
	if l.bits == 0 && l.at == 0 {
		l.rate, l.at, l.least = rembFirst, at, way
	}
	l.least, l.last = min(l.least, way), way
	l.bits += bytes * 8
}

// renew returns the estimate that is due.
func (l *localEstimate) renew(at time.Duration) int64 {
	span := (at - l.at).Seconds()
	if l.at == 0 || span <= 0 {
		return 0
	}
	arriving := float64(l.bits) / span
	if l.last-l.least > rembQueue {
		l.rate = min(l.rate, rembLower*arriving)
	} else {
		l.rate = min(l.rate*math.Pow(rembGrowth, span), max(rembFactor*arriving, l.rate))
	}
	l.bits, l.at = 0, at
	return int64(l.rate)
}

// appendREMB appends a bitrate as draft-alvestrand-rmcat-remb-03 §2.2 has it.
func appendREMB(b []byte, bitrate int64) []byte {
	exponent := uint32(0)
	for ; bitrate >= rembMantissa; bitrate >>= 1 {
		exponent++
	}
	body := binary.BigEndian.AppendUint32(nil, 1)
	body = binary.BigEndian.AppendUint32(body, 0)
	body = append(body, "REMB"...)
	body = binary.BigEndian.AppendUint32(body, 1<<24|exponent<<18|uint32(bitrate))
	return appendRTCP(b, 15, 206, binary.BigEndian.AppendUint32(body, subVideoSSRC))
}
