package forwardertest

import (
	"fmt"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

const (
	audioPT, videoPT, rtxPT = 111, 96, 97
	midID, ridID, rrdID     = 1, 2, 3
	frameInterval           = time.Second / 30
	audioInterval           = 20 * time.Millisecond
	packetPayload           = 1100
)

// publisher is one simulated publisher session and the core's end of it.
type publisher struct {
	w       *World
	id      uint16
	core    *forwarder.Publisher
	streams []*upstream   // audio first
	clock   time.Duration // its clock minus ours
	gone    bool
	ticking time.Time
	first   time.Time // when the core had a keyframe to send
}

// upstream is one RTP stream of a publisher.
type upstream struct {
	pub      *publisher
	index    int // of the encoding
	kind     codec.Kind
	ssrc     uint32
	rtxSSRC  uint32
	rid      string
	seq      uint16
	rtxSeq   uint16
	base     uint32 // first timestamp
	frame    uint32
	lastKey  time.Time
	wantKey  bool
	sentSets bool
	paused   bool
	kept     map[uint16][]byte // sent packets, by number
	start    time.Time
}

func (w *World) startPublisher() {
	w.pubs++
	p := &publisher{w: w, id: uint16(w.pubs), clock: w.upTo(time.Hour) - 30*time.Minute}
	audio := forwarder.PublisherTrack{
		Kind: codec.Audio, MID: "0",
		Formats:    map[uint8]codec.Format{audioPT: {Name: codec.Opus}},
		Extensions: map[uint8]codec.Extension{midID: codec.MID},
	}
	video := forwarder.PublisherTrack{
		Kind: codec.Video, MID: "1", NACK: true, PLI: true,
		Formats:    map[uint8]codec.Format{videoPT: w.format()},
		Repair:     map[uint8]uint8{rtxPT: videoPT},
		Extensions: map[uint8]codec.Extension{midID: codec.MID, ridID: codec.RID, rrdID: codec.RepairedRID},
	}
	if !w.opt.VideoOnly {
		p.addStream(codec.Audio, 0)
	}
	for i := range w.opt.videos() {
		s := p.addStream(codec.Video, i)
		s.rid = fmt.Sprint("r", i)
		video.RIDs = append(video.RIDs, s.rid)
	}
	p.core = forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{audio, video}, SSRC: 1})
	w.pub = p
	for _, s := range w.subs {
		s.attach(p)
	}
	if w.opt.Restart > 0 {
		w.after(w.around(w.opt.Restart), p.end)
	}
	if w.opt.Steps > 0 {
		w.after(w.around(w.opt.Steps), p.step)
	}
}

func (w *World) format() codec.Format {
	if w.opt.H264 {
		return codec.Format{Name: codec.H264, Profile: 0x42e0, Mode: 1}
	}
	return codec.Format{Name: codec.VP8}
}

func (p *publisher) addStream(kind codec.Kind, index int) *upstream {
	w := p.w
	s := &upstream{
		pub: p, index: index, kind: kind, ssrc: w.rnd.Uint32(), rtxSSRC: w.rnd.Uint32(),
		seq: uint16(w.rnd.Uint32()), base: w.firstTimestamp(), kept: map[uint16][]byte{}, start: w.now, wantKey: true,
	}
	p.streams = append(p.streams, s)
	if kind == codec.Audio {
		w.after(w.upTo(audioInterval), s.sendAudio)
	} else {
		w.after(w.upTo(frameInterval), s.sendFrame)
		if w.opt.Vanish > 0 && index > 0 {
			w.after(w.around(w.opt.Vanish), s.toggle)
		}
	}
	if !w.opt.NoSenderReports {
		w.after(w.upTo(time.Second), s.senderReport)
	}
	return s
}

// firstTimestamp is any, but often just before the wrap.
func (w *World) firstTimestamp() uint32 {
	if w.chance(0.5) {
		return -uint32(w.rnd.IntN(3_000_000))
	}
	return w.rnd.Uint32()
}

// end kills the session without a word; another one starts later.
func (p *publisher) end() {
	p.gone = true
	w := p.w
	w.after(w.upTo(4*time.Second), func() {
		p.core.End()
		for _, s := range w.subs {
			s.attach(nil)
		}
		w.after(w.upTo(2*time.Second), w.startPublisher)
	})
}

// step sets the publisher's clock: its reports jump, its timestamps do not.
func (p *publisher) step() {
	p.clock += p.w.upTo(4*time.Hour) - 2*time.Hour
	if !p.gone {
		p.w.after(p.w.around(p.w.opt.Steps), p.step)
	}
}

func (s *upstream) toggle() {
	s.paused = !s.paused
	s.wantKey = true
	if !s.pub.gone {
		s.pub.w.after(s.pub.w.around(s.pub.w.opt.Vanish), s.toggle)
	}
}

func (s *upstream) timestamp() uint32 {
	clock := time.Duration(90000)
	if s.kind == codec.Audio {
		clock = 48000
	}
	return s.base + uint32(s.pub.w.now.Sub(s.start)*clock/time.Second)
}

func (s *upstream) sendAudio() {
	if s.pub.gone {
		return
	}
	s.pub.w.after(audioInterval, s.sendAudio)
	c := content{publisher: s.pub.id, encoding: audioEncoding, key: true, frame: s.frame, parts: 1, captured: s.pub.w.now.UnixNano()}
	s.frame++
	s.send(c, audioPT, s.timestamp(), make([]byte, 60))
}

// sendFrame sends one picture: larger ones for lower indices, keyframes six
// times as large.
func (s *upstream) sendFrame() {
	w := s.pub.w
	if s.pub.gone {
		return
	}
	w.after(frameInterval, s.sendFrame)
	if s.paused {
		return
	}
	key := s.wantKey || w.opt.Interval > 0 && w.now.Sub(s.lastKey) >= w.opt.Interval
	size := w.opt.Bitrate / 8 / 30 / (s.index*3 + 1)
	if key {
		s.lastKey, s.wantKey = w.now, false
		size *= 6
	}
	parts := max(1, size/packetPayload)
	ts := s.timestamp()
	if key && w.opt.H264 && (!w.opt.StripParameters || !s.sentSets) {
		s.sentSets = true
		s.sendSets(ts)
	}
	for i := range parts {
		c := content{s.pub.id, uint8(s.index), key, s.frame, uint16(i), uint16(parts), w.now.UnixNano()}
		s.send(c, videoPT, ts, s.header(c))
	}
	s.frame++
	if s.index == 0 {
		w.sent++
	}
	if w.opt.Padding {
		s.pad(ts)
	}
}

// pad sends probes after a frame, as Chromium does where it has no RTX: nothing
// but padding, with the timestamp of the frame before.
func (s *upstream) pad(ts uint32) {
	for range s.pub.w.rnd.IntN(3) {
		s.transmit(videoPT, ts, false, nil)
	}
}

// sendSets sends parameter sets as a packet of their own, with the frame's
// timestamp, as libdatachannel does.
func (s *upstream) sendSets(ts uint32) {
	s.transmit(videoPT, ts, false, []byte{
		0x78, 0, 7, 0x67, 0x42, 0x00, 0x0a, 0xf8, 0x41, 0xa2, 0, 4, 0x68, 0xce, 0x38, 0x80, // 128×96
	})
}

// header is the beginning of a payload, as the codec writes it, and filling.
func (s *upstream) header(c content) []byte {
	b := make([]byte, packetPayload)
	switch {
	case s.pub.w.opt.H264 && c.parts == 1:
		b[0], b[1] = 0x61, 0x88 // the picture's first slice
		if c.key {
			b[0] = 0x65
		}
	case s.pub.w.opt.H264:
		b[0], b[1], b[2] = 0x7c, 0x01, 0x88
		if c.key {
			b[1] = 0x05
		}
		if c.part == 0 {
			b[1] |= 0x80
		}
		if c.part == c.parts-1 {
			b[1] |= 0x40
		}
	case c.part == 0:
		copy(b, []byte{0x10, 0x01, 0, 0, 0x9d, 0x01, 0x2a})
		b[7], b[9] = byte(200-20*s.index), 100 // width, height: smaller for higher indices
		if c.key {
			b[1] = 0
		}
	}
	return b
}

func (s *upstream) send(c content, pt uint8, ts uint32, payload []byte) {
	marker := c.part == c.parts-1 && s.kind == codec.Video && !s.pub.w.opt.NoMarkers
	s.transmit(pt, ts, marker, c.append(payload))
}

func (s *upstream) transmit(pt uint8, ts uint32, marker bool, payload []byte) {
	h := rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: s.seq, Timestamp: ts, SSRC: s.ssrc, Marker: marker}
	s.seq++
	_ = h.SetExtension(midID, []byte(map[codec.Kind]string{codec.Audio: "0", codec.Video: "1"}[s.kind]))
	if s.rid != "" {
		_ = h.SetExtension(ridID, []byte(s.rid))
	}
	b, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		panic(err)
	}
	s.kept[h.SequenceNumber] = b
	delete(s.kept, h.SequenceNumber-2000)
	s.deliver(b)
}

// deliver brings a packet to the core.
func (s *upstream) deliver(b []byte) {
	p := s.pub
	p.w.carry(p.w.opt.Up, func() {
		if p.core.Ended() {
			return
		}
		if p.core.HandleRTP(p.w.now, b) {
			p.w.pullAll()
			p.live()
		}
		p.tickLater()
	})
}

// live notes when the core first had a keyframe to send, and when the check is
// due that all subscribers got it.
func (p *publisher) live() {
	if p.first.IsZero() && p.core.Best(codec.Video) != nil {
		p.first = p.w.now
		p.w.after(resumeWithin, p.checkResumed)
	}
}
