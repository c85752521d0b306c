package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
)

const (
	paceInterval   = 5 * time.Millisecond
	paceBurst      = 4                // packets each interval, more where the bitrate needs it
	reportInterval = time.Second      // between sender reports
	resendPackets  = 256              // that can be sent once more
	maxLag         = time.Second / 2  // behind its clock, a publisher skips ahead
	connectSpacing = time.Second / 50 // between the joins of publishers
)

// A publisher is one WHIP session that sends synthetic media.
type publisher struct {
	load     *Load
	peer     *peer
	site     *site
	location string

	framer              *framer
	queue               []queued
	burst               int
	audio, video        outStream
	transport           uint16
	transportID         uint8
	asked               atomic.Bool
	packet              []byte // scratch
	requests, resent    atomic.Int64
	tally               atomic.Pointer[tally] // nil: nothing is counted yet
	packets, sendErrors atomic.Int64

	// mu guards the field below.
	mu   sync.Mutex
	ring map[uint16][]byte // sealed video packets by number, modulo resendPackets
}

// An outStream is one RTP stream on its way out.
type outStream struct {
	pt        uint8
	ssrc      uint32
	seq       uint16
	base      uint32 // timestamp at the start
	clock     int64  // units per second
	count     uint32
	bytes     uint32
	nextFrame int64
}

type queued struct {
	payload
	timestamp uint32
}

// publish opens a session; nothing is sent before run.
func publish(ctx context.Context, n network, s *site, cert *certificate, l *Load, name string) (*publisher, error) {
	pub := &publisher{
		load: l, site: s, framer: newFramer(l), ring: map[uint16][]byte{},
		audio: outStream{pt: opusType, ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), clock: 48_000},
		video: outStream{pt: l.Codec.payloadType(), ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), clock: 90_000},
	}
	mean := float64(l.Bitrate) / 8 / payloadBytes * paceInterval.Seconds()
	pub.burst = max(paceBurst, int(1.5*mean)+1)
	var err error
	if pub.peer, err = newPeer(n, s.local, cert, GCM); err != nil {
		return nil, err
	}
	if err = pub.connect(ctx, name); err != nil {
		pub.close()
		return nil, fmt.Errorf("publisher of %s: %w", name, err)
	}
	return pub, nil
}

func (p *publisher) connect(ctx context.Context, name string) error {
	offer := p.peer.identity().publishOffer(p.load.Codec, p.audio.ssrc, p.video.ssrc)
	text, location, err := p.site.post(ctx, "/whip/"+name, offer)
	if err != nil {
		return err
	}
	p.location = location
	a, err := parseAnswer(text)
	if err != nil {
		return err
	}
	p.transportID = a.transportID
	return p.peer.connect(ctx, a, func(*keys) (sink, error) { return p, nil })
}

// close ends the session.
func (p *publisher) close() {
	if p.location != "" {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		_ = p.site.remove(ctx, p.location) // it may be gone
	}
	p.peer.close()
}

// run sends media from start on, until ctx is done.
func (p *publisher) run(ctx context.Context, start time.Time) {
	frame, audio, report, pace := start, start, start, start
	frameInterval := time.Second / time.Duration(p.load.FPS)
	timer := time.NewTimer(time.Until(start))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := time.Now()
		for ; !frame.After(now); frame = advance(frame, now, frameInterval) {
			p.enqueue(frame.Sub(start))
			if p.load.Pace == Burst {
				p.flush(len(p.queue))
			}
		}
		for ; p.load.Audio && !audio.After(now); audio = advance(audio, now, audioInterval) {
			p.sendAudio(audio.Sub(start))
		}
		if len(p.queue) > 0 && !pace.After(now) {
			p.flush(p.burst)
			pace = now.Add(paceInterval)
		}
		if !report.After(now) {
			p.report(now, now.Sub(start))
			report = now.Add(reportInterval)
		}
		next := earliest(frame, report)
		if p.load.Audio {
			next = earliest(next, audio)
		}
		if len(p.queue) > 0 {
			next = earliest(next, pace)
		}
		timer.Reset(time.Until(next))
	}
}

// advance keeps the rhythm, unless the process stood still for long.
func advance(t, now time.Time, by time.Duration) time.Time {
	t = t.Add(by)
	if now.Sub(t) > maxLag {
		return now.Add(by)
	}
	return t
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (s *outStream) timestamp(elapsed time.Duration) uint32 {
	return s.base + uint32(elapsed.Microseconds()*s.clock/1_000_000) //nolint:gosec // wraps
}

func (p *publisher) enqueue(elapsed time.Duration) {
	if p.asked.Swap(false) && p.load.AnswerRequests {
		p.framer.asked = true
	}
	timestamp := p.video.timestamp(elapsed)
	var few [128]payload
	for _, piece := range p.framer.append(few[:0]) {
		p.queue = append(p.queue, queued{piece, timestamp})
	}
}

// flush sends up to n packets of the queue.
func (p *publisher) flush(n int) {
	n = min(n, len(p.queue))
	for i := range n {
		q := &p.queue[i]
		p.write(&p.video, &q.payload, q.timestamp)
	}
	p.queue = append(p.queue[:0], p.queue[n:]...)
}

func (p *publisher) sendAudio(elapsed time.Duration) {
	opus := payload{head: []byte{0xfc}, size: audioPayload} // 20 ms of stereo, one frame
	opus.stamp.audio, opus.stamp.number = true, uint64(p.audio.nextFrame)
	p.audio.nextFrame++
	p.write(&p.audio, &opus, p.audio.timestamp(elapsed))
}

// write sends one packet and notes it.
func (p *publisher) write(s *outStream, body *payload, timestamp uint32) {
	marker := byte(0)
	if body.marker {
		marker = 0x80
	}
	b := append(p.packet[:0], 0x80, marker|s.pt)
	b = binary.BigEndian.AppendUint16(b, s.seq)
	b = binary.BigEndian.AppendUint32(b, timestamp)
	b = binary.BigEndian.AppendUint32(b, s.ssrc)
	if p.transportID != 0 {
		b[0] |= 0x10
		b = append(b, 0xbe, 0xde, 0, 1, p.transportID<<4|1, byte(p.transport>>8), byte(p.transport), 0)
		p.transport++
	}
	now := time.Now()
	b = body.write(b, now)
	p.packet = b
	sealed, err := p.peer.sendRTP(b)
	if err != nil {
		p.sendErrors.Add(1)
	}
	if !body.stamp.audio {
		p.remember(s.seq, sealed)
	}
	s.seq++
	s.count++
	s.bytes += uint32(body.size)
	p.packets.Add(1)
	p.tally.Load().note(now, body.stamp.audio)
}

// trackOf is the index of a track in counts.
func trackOf(audio bool) int {
	if audio {
		return 0
	}
	return 1
}

func (p *publisher) remember(seq uint16, sealed []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring[seq%resendPackets] = append(p.ring[seq%resendPackets][:0], sealed...)
}

// report sends the sender reports of both streams (RFC 3550 §6.4.1).
func (p *publisher) report(now time.Time, elapsed time.Duration) {
	for _, s := range []*outStream{&p.audio, &p.video} {
		sr := rtcp.SenderReport{
			SSRC: s.ssrc, NTPTime: ntp(now), RTPTime: s.timestamp(elapsed),
			PacketCount: s.count, OctetCount: s.bytes,
		}
		if b, err := sr.Marshal(); err == nil {
			_ = p.peer.sendRTCP(b) // the next one follows
		}
	}
}

// ntp is a time as RTCP writes it.
func ntp(t time.Time) uint64 {
	const since1900 = 2_208_988_800
	seconds := uint64(t.Unix()) + since1900             //nolint:gosec // after 1970
	return seconds<<32 | uint64(t.Nanosecond())<<32/1e9 //nolint:gosec // below a second
}

// rtp is part of the sink; servers send none.
func (p *publisher) rtp([]byte, time.Time) {}

// rtcp takes feedback.
func (p *publisher) rtcp(b []byte, _ time.Time) {
	plain, err := p.peer.keys.in.DecryptRTCP(nil, b, nil)
	if err != nil {
		return
	}
	packets, err := rtcp.Unmarshal(plain)
	if err != nil {
		return
	}
	for _, packet := range packets {
		switch packet := packet.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			p.requests.Add(1)
			p.asked.Store(true)
		case *rtcp.TransportLayerNack:
			for _, pair := range packet.Nacks {
				pair.Range(p.resend)
			}
		}
	}
}

// resend sends a packet again as it was, if it is still held.
func (p *publisher) resend(seq uint16) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	sealed := p.ring[seq%resendPackets]
	if len(sealed) > 4 && binary.BigEndian.Uint16(sealed[2:]) == seq {
		p.resent.Add(1)
		_ = p.peer.socket.send(sealed, *p.peer.agent.pair.Load())
	}
	return true
}
