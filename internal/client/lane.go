package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A lane is the way of one source to the wire. Everything but the counters and
// feedback is used by the goroutine that runs it.
type lane struct {
	publisher *Publisher
	rid       string
	source    Source
	name      codec.Name
	track     *webrtc.TrackLocalStaticRTP
	sender    *webrtc.RTPSender

	payloader  rtp.Payloader
	seq        uint16
	timestamp  uint32 // of media time 0
	extensions []extension
	announced  bool // extensions are known

	feedback feedbackCounts
	sent     sentCounts
}

// sentCounts may be read while they grow.
type sentCounts struct {
	packets, bytes, frames, keyframes atomic.Int64
}

// An extension is a header extension every packet carries.
type extension struct {
	id    uint8
	value []byte
}

func newLane(p *Publisher, e Encoding, track *webrtc.TrackLocalStaticRTP, sender *webrtc.RTPSender) *lane {
	name := e.Source.Format().Codec
	return &lane{
		publisher: p, rid: e.RID, source: e.Source, name: name, track: track, sender: sender,
		payloader: newPayloader(name), seq: uint16(rand.Uint32()), timestamp: rand.Uint32(),
	}
}

func (l *lane) readRTCP() ([]rtcp.Packet, error) {
	if l.rid != "" {
		packets, _, err := l.sender.ReadSimulcastRTCP(l.rid)
		return packets, err
	}
	packets, _, err := l.sender.ReadRTCP()
	return packets, err
}

// run plays the source to its end and returns how long it was.
func (l *lane) run(ctx context.Context, clock *mediaClock, offset time.Duration) (time.Duration, error) {
	if packets, ok := l.source.(PacketSource); ok {
		return 0, l.relay(ctx, packets)
	}
	length := time.Duration(0)
	for {
		f, err := l.source.Next()
		if errors.Is(err, io.EOF) {
			return length, nil
		}
		if err != nil {
			return length, err
		}
		length = f.At + f.Duration
		due := clock.due(offset+f.At, time.Now())
		if !sleepUntil(ctx, due) {
			return length, nil
		}
		if err := l.send(ctx, f, offset, due); err != nil {
			return length, err
		}
	}
}

// send writes one frame as packets, in one burst or spread with Pace.
func (l *lane) send(ctx context.Context, f Frame, offset time.Duration, due time.Time) error {
	if told := l.publisher.opts.OnFrame; told != nil {
		told(l.rid, f)
	}
	const headers = 12 + 16 // RTP header and the extensions this package sends
	payloads := l.payloader.Payload(uint16(l.publisher.opts.MTU-headers), f.Data)
	gap := time.Duration(0)
	if l.publisher.opts.Pace && len(payloads) > 1 {
		gap = f.Duration * 3 / 4 / time.Duration(len(payloads)) // done before the next frame falls due
	}
	for i, payload := range payloads {
		if gap > 0 && !sleepUntil(ctx, due.Add(time.Duration(i)*gap)) {
			return nil
		}
		header := rtp.Header{Timestamp: l.rtpTime(offset + f.At), Marker: l.marker(i == len(payloads)-1)}
		if err := l.write(header, payload); err != nil {
			return err
		}
	}
	l.sent.frames.Add(1)
	if f.Keyframe && l.name.Kind() == codec.Video {
		l.sent.keyframes.Add(1)
	}
	return nil
}

// marker returns the bit for a packet: the last one of a picture has it; in
// sound it would mean the start of a talkspurt (RFC 3551 §4.1).
func (l *lane) marker(last bool) bool { return last && l.name.Kind() == codec.Video }

// rtpTime converts media time to RTP units, exactly and wrapping.
func (l *lane) rtpTime(at time.Duration) uint32 {
	rate := time.Duration(l.name.ClockRate())
	seconds, rest := at/time.Second, at%time.Second
	return l.timestamp + uint32(seconds*rate+(rest*rate+time.Second/2)/time.Second)
}

// write numbers a packet and sends it. Packets of a peer that is not connected
// are lost, as on a wire.
func (l *lane) write(header rtp.Header, payload []byte) error {
	header.Version, header.SequenceNumber = 2, l.seq
	l.seq++
	for _, e := range l.negotiated() {
		if err := header.SetExtension(e.id, e.value); err != nil {
			return err
		}
	}
	err := l.track.WriteRTP(&rtp.Packet{Header: header, Payload: payload})
	if errors.Is(err, io.ErrClosedPipe) {
		return nil // the session is ending, which its life tells
	}
	l.sent.packets.Add(1)
	l.sent.bytes.Add(int64(header.MarshalSize() + len(payload)))
	return err
}

// negotiated returns MID and RID under the ids of the answer.
func (l *lane) negotiated() []extension {
	if l.announced {
		return l.extensions
	}
	l.announced = true
	for _, e := range l.sender.GetParameters().HeaderExtensions {
		if e.ID < 1 || e.ID > 14 { // one-byte headers (RFC 8285 §4.2)
			continue
		}
		switch codec.ParseExtension(e.URI) {
		case codec.MID:
			l.extensions = append(l.extensions, extension{uint8(e.ID), []byte(l.mid())})
		case codec.RID:
			if l.rid != "" {
				l.extensions = append(l.extensions, extension{uint8(e.ID), []byte(l.rid)})
			}
		}
	}
	return l.extensions
}

func (l *lane) mid() string {
	for _, t := range l.publisher.pc.GetTransceivers() {
		if t.Sender() == l.sender {
			return t.Mid()
		}
	}
	return ""
}

// relay forwards packets as they come, under this session's numbers.
func (l *lane) relay(ctx context.Context, source PacketSource) error {
	var r renumber
	for {
		p, err := source.ReadRTP()
		if err != nil || ctx.Err() != nil {
			return err
		}
		seq, timestamp := r.next(p, time.Now(), l.name.ClockRate())
		l.seq = seq
		header := rtp.Header{Timestamp: timestamp, Marker: p.Marker}
		if err := l.write(header, p.Payload); err != nil {
			return err
		}
		if p.Marker || l.name.Kind() == codec.Audio {
			l.sent.frames.Add(1)
		}
		if l.name.Kind() == codec.Video && startsKeyframe(l.name, p.Payload) {
			l.sent.keyframes.Add(1)
		}
	}
}

// A renumber continues numbers and timestamps when the sender of the packets
// starts anew with another SSRC.
type renumber struct {
	started  bool
	ssrc     uint32
	seq      uint16 // added to incoming numbers
	time     uint32 // added to incoming timestamps
	lastSeq  uint16
	lastTime uint32
	lastAt   time.Time
}

func (r *renumber) next(p *rtp.Packet, now time.Time, rate uint32) (seq uint16, timestamp uint32) {
	if r.started && p.SSRC != r.ssrc {
		elapsed := uint32(now.Sub(r.lastAt).Seconds() * float64(rate))
		r.seq = r.lastSeq + 1 - p.SequenceNumber
		r.time = r.lastTime + max(elapsed, 1) - p.Timestamp
	}
	r.started, r.ssrc = true, p.SSRC
	seq, timestamp = p.SequenceNumber+r.seq, p.Timestamp+r.time
	if int16(seq-r.lastSeq) > 0 || r.lastAt.IsZero() {
		r.lastSeq, r.lastTime, r.lastAt = seq, timestamp, now
	}
	return seq, timestamp
}
