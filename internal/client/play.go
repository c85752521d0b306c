package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Player is a WHEP session that receives media. Its methods are safe for
// concurrent use.
type Player struct {
	*Session
	opts PlayOptions
	tap  *tap

	// statsMu guards the fields below.
	statsMu      sync.Mutex
	video, audio trackMeter
	lastRequest  time.Time // of a keyframe
	recordErr    error
}

// Play opens a WHEP session. The context bounds the exchange only; the session
// lives until it is closed.
func Play(ctx context.Context, opts PlayOptions) (*Player, error) {
	p, err := newPlayer(opts)
	if err != nil {
		return nil, err
	}
	if err := p.open(ctx); err != nil {
		return nil, err
	}
	if opts.KeyframeRequests {
		p.spawn(p.requestWhileBlind)
	}
	if opts.OnReconnect != nil {
		p.spawn(p.hearReconnects)
	}
	return p, nil
}

func newPlayer(opts PlayOptions) (*Player, error) {
	if opts.NoVideo && opts.NoAudio {
		return nil, errors.New("nothing to play: neither video nor audio")
	}
	t := &tap{}
	s, err := newSession(&opts.Options, peerPlan{
		formats: playFormats(opts.Codecs), extensions: playExtensions(), tap: t,
	})
	if err != nil {
		return nil, err
	}
	p := &Player{Session: s, opts: opts, tap: t}
	s.pc.OnTrack(p.onTrack)
	if err := p.addTransceivers(); err != nil {
		s.end()
		s.closePeer()
		return nil, err
	}
	return p, nil
}

func playExtensions() map[codec.Extension][]codec.Kind {
	both, video := []codec.Kind{codec.Audio, codec.Video}, []codec.Kind{codec.Video}
	return map[codec.Extension][]codec.Kind{
		codec.TransportCC: both, codec.AbsCaptureTime: both, codec.AudioLevel: {codec.Audio},
		codec.PlayoutDelay: video, codec.VideoOrientation: video, codec.DependencyDescriptor: video,
	}
}

func (p *Player) addTransceivers() error {
	receive := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for _, section := range []struct {
		kind webrtc.RTPCodecType
		skip bool
	}{
		{webrtc.RTPCodecTypeAudio, p.opts.NoAudio || !offers(p.opts.Codecs, codec.Audio)},
		{webrtc.RTPCodecTypeVideo, p.opts.NoVideo || !offers(p.opts.Codecs, codec.Video)},
	} {
		if section.skip {
			continue
		}
		if _, err := p.pc.AddTransceiverFromKind(section.kind, receive); err != nil {
			return err
		}
	}
	return nil
}

// offers tells whether a restriction leaves any codec of the kind.
func offers(names []codec.Name, kind codec.Kind) bool {
	for _, name := range names {
		if name.Kind() == kind {
			return true
		}
	}
	return len(names) == 0
}

// onTrack starts the goroutines of a track; pion calls it once per track.
func (p *Player) onTrack(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	p.spawn(func() { p.readTrack(track) })
	p.spawn(func() { p.readReports(receiver) })
}

// readReports keeps the interceptors supplied with sender reports.
func (p *Player) readReports(receiver *webrtc.RTPReceiver) {
	for {
		packets, _, err := receiver.ReadRTCP()
		if err != nil {
			return
		}
		if p.opts.OnRTCP != nil {
			p.opts.OnRTCP(packets)
		}
	}
}

// A reading is one track as its goroutine sees it.
type reading struct {
	kind      codec.Kind
	meter     *trackMeter
	name      codec.Name
	pt        uint8
	assembler *assembler
	frames    []assembled
	last      uint32        // timestamp of the last whole frame
	elapsed   time.Duration // RTP units from the first whole frame to it
	number    int
}

func (p *Player) readTrack(track *webrtc.TrackRemote) {
	r := &reading{kind: codec.Video, meter: &p.video}
	if track.Kind() == webrtc.RTPCodecTypeAudio {
		r.kind, r.meter = codec.Audio, &p.audio
	}
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		now := time.Now()
		if r.assembler == nil || packet.PayloadType != r.pt {
			name, ok := parseMime(track.Codec().MimeType)
			if !ok {
				continue // a payload type nobody negotiated
			}
			r.name, r.pt, r.assembler = name, packet.PayloadType, newAssembler(name)
		}
		p.take(r, packet, now)
	}
}

// take measures a packet, shows it around, and hands on what became whole.
func (p *Player) take(r *reading, packet *rtp.Packet, now time.Time) {
	since := now.Sub(p.posted)
	if !p.measure(r, packet, since) {
		return
	}
	if p.opts.OnRTP != nil {
		p.opts.OnRTP(r.kind, packet, since)
	}
	r.frames = r.assembler.push(now, packet, r.frames[:0])
	for _, f := range r.frames {
		p.takeFrame(r, f, since)
	}
}

// measure counts a packet; false for one that came twice.
func (p *Player) measure(r *reading, packet *rtp.Packet, since time.Duration) bool {
	p.statsMu.Lock()
	defer p.statsMu.Unlock()
	m := r.meter
	if m.Codec != 0 && m.Codec != r.name {
		m.CodecChanges++
	}
	m.Codec, m.PayloadType, m.SSRC = r.name, packet.PayloadType, packet.SSRC
	if !m.number(packet.SequenceNumber) {
		m.Duplicates++
		return false
	}
	m.Packets++
	m.Bytes += int64(packet.MarshalSize())
	m.transit(since, packet.Timestamp)
	if m.FirstRTP == 0 {
		m.FirstRTP = since
	}
	if m.FirstKeyframe == 0 && startsKeyframe(r.name, packet.Payload) {
		m.FirstKeyframe = since
	}
	return true
}

func (p *Player) takeFrame(r *reading, f assembled, since time.Duration) {
	if r.number > 0 {
		r.elapsed += time.Duration(int32(f.timestamp - r.last)) // 32 bits wrap after 13 hours
	}
	r.last = f.timestamp
	frame := Frame{
		Data: f.data, At: r.elapsed * time.Second / time.Duration(r.name.ClockRate()),
		Keyframe: isKeyframe(r.name, f.data), Number: r.number,
	}
	r.number++
	p.count(r, frame, f.damaged, since)
	if f.damaged && r.kind == codec.Video && !frame.Keyframe && p.opts.KeyframeRequests {
		p.RequestKeyframe()
	}
	if p.opts.OnFrame != nil {
		p.opts.OnFrame(r.kind, frame)
	}
	if p.opts.Recorder != nil {
		p.record(r, frame, f)
	}
}

func (p *Player) count(r *reading, frame Frame, damaged bool, since time.Duration) {
	p.statsMu.Lock()
	defer p.statsMu.Unlock()
	r.meter.Frames++
	if damaged {
		r.meter.DamagedFrames++
	}
	if !frame.Keyframe || r.kind != codec.Video {
		return
	}
	r.meter.Keyframes++
	if r.meter.FirstKeyframeWhole == 0 {
		r.meter.FirstKeyframeWhole = since
	}
}

func (p *Player) record(r *reading, frame Frame, f assembled) {
	if err := p.opts.Recorder.write(r.name, frame, f.timestamp, f.damaged); err != nil {
		p.statsMu.Lock()
		p.recordErr = err
		p.statsMu.Unlock()
	}
}

// RecordErr returns the last error of the Recorder, nil if there was none.
func (p *Player) RecordErr() error {
	p.statsMu.Lock()
	defer p.statsMu.Unlock()
	return p.recordErr
}

// RequestKeyframe sends a PLI for the video track, at most one per second. It
// does nothing before the first video packet.
func (p *Player) RequestKeyframe() {
	p.statsMu.Lock()
	ssrc, now := p.video.SSRC, time.Now()
	wait := ssrc == 0 || now.Sub(p.lastRequest) < keyframeRequestInterval
	if !wait {
		p.lastRequest = now
	}
	p.statsMu.Unlock()
	if !wait {
		p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}) //nolint:errcheck // a wish
	}
}

// requestWhileBlind asks until the first keyframe has come.
func (p *Player) requestWhileBlind() {
	ticker := time.NewTicker(keyframeRequestInterval)
	defer ticker.Stop()
	for p.Stats().Video.Keyframes == 0 {
		select {
		case <-ticker.C:
			p.RequestKeyframe()
		case <-p.life.Done():
			return
		}
	}
}
