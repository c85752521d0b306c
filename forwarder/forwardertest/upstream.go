package forwardertest

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// upstream is one RTP stream of a publisher.
type upstream struct {
	pub       *publisher
	index     int // of the encoding; its rank
	kind      codec.Kind
	ssrc      uint32
	rtxSSRC   uint32
	rid       string
	seq       uint32 // of the next packet, without wrapping
	rtxSeq    uint16
	base      uint32 // first timestamp
	count     uint32 // audio packets and pictures sent
	lastKey   time.Time
	wantKey   bool
	sentSets  bool
	paused    bool
	since     time.Time              // when it began to send, paused or came back
	changes   int                    // of how many spatial layers there are
	sent      map[uint32]*original   // by number
	frames    map[uint64]*layerFrame // by place
	start     time.Time
	lastCame  time.Time // when something of it came to the core
	ladder    *ladder
	told      int // spatial layers in the last scalability structure
	describer *describer
}

// An original is a packet as it left the publisher.
type original struct {
	payload
	seq       uint32
	timestamp uint32
	marker    bool
	frame     *layerFrame // nil: audio, or no media
	captured  []byte      // value of the capture time extension; nil: there is none
	wire      []byte
	came      uint64 // when it came to the core, in order of arrivals; 0: it did not
	before    uint64 // the same, before a link began again with it
}

// missed tells whether it had not come when a later one did.
func (o *original) missed(later *original) bool {
	return o.came == 0 || o.came > later.came || later.before != 0 && (o.before == 0 || o.before > later.before)
}

// keepSent is how many packets of a stream are remembered.
const keepSent = 8192

// toggle pauses the encoding or brings it back; one always goes on.
func (s *upstream) toggle() {
	w := s.pub.w
	if s.pub.gone {
		return
	}
	w.after(w.around(w.opt.Vanish), s.toggle)
	if w.calm || !s.paused && s.pub.others(s) == 0 {
		return
	}
	s.paused = !s.paused
	s.wantKey, s.since = true, w.now
	if s.paused {
		w.vanished++
		s.pub.checkFallback(s, 0)
	}
}

// toggleLayers changes how many spatial layers there are. New ones begin with a
// keyframe.
func (s *upstream) toggleLayers() {
	w := s.pub.w
	if s.pub.gone {
		return
	}
	w.after(w.around(w.opt.VanishLayers), s.toggleLayers)
	if w.calm {
		return
	}
	before := s.ladder.active
	s.ladder.active = 1 + w.rnd.IntN(w.opt.Layers.Spatial)
	s.wantKey = s.wantKey || s.ladder.active > before
	if s.ladder.active != before {
		s.changes++
	}
	if s.ladder.active < before {
		w.vanished++
		s.pub.checkFallback(s, s.ladder.active)
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
	c := content{publisher: s.pub.id, encoding: audioEncoding, key: true, picture: s.count, parts: 1, seq: s.seq, captured: s.pub.w.now.UnixNano()}
	s.count++
	o := original{payload: payload{bytes: c.append(make([]byte, 60))}, timestamp: s.timestamp()}
	s.transmit(&o, nil)
}

// sendPicture sends one picture: larger ones for lower indices, keyframes six
// times as large.
func (s *upstream) sendPicture() {
	w := s.pub.w
	if s.pub.gone {
		return
	}
	w.after(frameInterval, s.sendPicture)
	if s.paused {
		return
	}
	key := s.wantKey || w.opt.Interval > 0 && w.now.Sub(s.lastKey) >= w.opt.Interval
	if key {
		s.lastKey, s.wantKey = w.now, false
	}
	ts := s.timestamp()
	for _, f := range s.ladder.next(key) {
		f.publisher, f.encoding, f.captured = s.pub.id, uint8(s.index), w.now.UnixNano()
		f.sets = key && f.spatial == 0 && w.opt.hasSets() && (!w.opt.StripParameters || !s.sentSets)
		s.sendFrame(f, ts)
	}
	s.count++
	if s.index == 0 {
		w.sent++
	}
	if w.opt.Padding {
		s.pad(ts)
	}
}

func (s *upstream) sendFrame(f *layerFrame, ts uint32) {
	f.first = s.seq
	at := f.frame().place
	s.frames[at] = f
	delete(s.frames, at-keepSent)
	if f.sets {
		s.sentSets = true
		s.sendSets(f, ts)
	}
	f.bytes = s.bytes(f)
	f.parts = uint16(max(1, (f.bytes+s.pub.w.opt.PacketBytes-1)/s.pub.w.opt.PacketBytes))
	for i := range f.parts {
		c := f.content
		c.part, c.seq = i, s.seq
		o := original{payload: s.payload(f, &c), timestamp: ts, frame: f}
		o.marker = c.ends() && c.last && !s.pub.w.opt.NoMarkers
		if i == 0 {
			o.captured = binary.BigEndian.AppendUint64(nil, uint64(c.captured))
		}
		s.transmit(&o, s.describe(f, i == 0 && !f.sets, c.ends()))
	}
}

// describe returns a packet's Dependency Descriptor, nil if there is none.
func (s *upstream) describe(f *layerFrame, start, end bool) []byte {
	if !s.pub.w.opt.Descriptor {
		return nil
	}
	return s.describer.describe(f, start, end)
}

// bytes is how large a layer frame is.
func (s *upstream) bytes(f *layerFrame) int {
	o := &s.pub.w.opt
	size := o.Bitrate / 8 / 30 / (s.index*3 + 1)
	if f.key {
		size *= 6
	}
	if !o.layered() {
		return size / o.PacketBytes * o.PacketBytes
	}
	n := o.Layers.Spatial
	size = size * (int(f.spatial) + 1) / (n * (n + 1) / 2)
	return size/2 + s.pub.w.rnd.IntN(size+1)
}

// pad sends probes after a frame, as Chromium does where it has no RTX: nothing
// but padding, with the timestamp of the frame before.
func (s *upstream) pad(ts uint32) {
	for range s.pub.w.rnd.IntN(3) {
		s.transmit(&original{timestamp: ts}, nil)
	}
}

// sendSets sends parameter sets as a packet of their own, with the frame's
// timestamp, as libdatachannel does.
func (s *upstream) sendSets(f *layerFrame, ts uint32) {
	o := original{timestamp: ts}
	s.aggregate(&o.payload, s.sets())
	s.transmit(&o, s.describe(f, true, false))
}

// transmit sends a packet with the next number.
func (s *upstream) transmit(o *original, descriptor []byte) {
	pt := uint8(videoPT)
	if s.kind == codec.Audio {
		pt = audioPT
	}
	o.seq = s.seq
	s.seq++
	h := rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: uint16(o.seq), Timestamp: o.timestamp, SSRC: s.ssrc, Marker: o.marker}
	s.extend(&h, o, descriptor)
	b, err := (&rtp.Packet{Header: h, Payload: o.payload.bytes}).Marshal()
	if err != nil {
		panic(err)
	}
	o.wire = b
	s.sent[o.seq] = o
	delete(s.sent, o.seq-keepSent)
	s.deliver(b, o)
}

// extend adds the header extensions of a packet.
func (s *upstream) extend(h *rtp.Header, o *original, descriptor []byte) {
	h.Extension, h.ExtensionProfile = true, rtp.ExtensionProfileOneByte
	if len(descriptor) > 16 {
		h.ExtensionProfile = rtp.ExtensionProfileTwoByte
	}
	mid := "1"
	if s.kind == codec.Audio {
		mid = "0"
	}
	setExtension(h, midID, []byte(mid))
	if s.rid != "" {
		setExtension(h, ridID, []byte(s.rid))
	}
	if descriptor != nil {
		setExtension(h, ddID, descriptor)
	}
	if o.captured != nil {
		setExtension(h, clockID, o.captured)
	}
}

func setExtension(h *rtp.Header, id uint8, value []byte) {
	if err := h.SetExtension(id, value); err != nil {
		panic(err)
	}
}

// deliver brings a packet to the core: o itself, or a retransmission of it.
func (s *upstream) deliver(b []byte, o *original) {
	p := s.pub
	p.w.carry(p.w.opt.Up, func() {
		if p.core.Ended() {
			return
		}
		if p.hop != nil {
			if p.hop.from.HandleRTP(p.w.now, b) {
				p.hop.pull()
			}
		} else if p.core.HandleRTP(p.w.now, b) {
			p.came++
			o.came, s.lastCame = p.came, p.w.now
			p.w.pullAll()
			p.live()
		}
		p.tickLater()
	})
}

// unclear tells whether something of a picture came to the core before it could know
// what layers there are: the packet that tells of a change was late or did not come.
// Without the Dependency Descriptor layers left out amid a group of pictures are then not
// understood before the next keyframe.
func (s *upstream) unclear(picture uint32) bool {
	if s.overtaken(picture) {
		return true
	}
	if s.pub.w.opt.Descriptor {
		return false
	}
	told := s.frames[place(picture, 0)]
	for told != nil && !told.key {
		before := s.frames[place(told.content.picture-1, 0)]
		if before != nil && before.dependency.active != told.dependency.active && s.overtaken(told.content.picture) {
			return true
		}
		told = before
	}
	return false
}

// overtaken tells whether something of a picture came before the packet that told what
// layers there are.
func (s *upstream) overtaken(picture uint32) bool {
	told := s.sent[s.changed(picture)]
	if told == nil {
		return true
	}
	for spatial := range uint8(s.ladder.layers.Spatial) {
		f := s.frames[place(picture, spatial)]
		if f == nil {
			continue
		}
		for seq := f.first; seq <= f.first+uint32(f.parts); seq++ {
			if o := s.sent[seq]; o != nil && o.came != 0 && (o.came < told.came || told.came == 0) {
				return true
			}
		}
	}
	return false
}

// changed returns the number of the packet that told of the layers there are in a
// picture: of the last keyframe, or where their number changed after it.
func (s *upstream) changed(picture uint32) uint32 {
	f := s.frames[place(picture, 0)]
	for f != nil && !f.key {
		before := s.frames[place(f.content.picture-1, 0)]
		if before == nil || before.dependency.active != f.dependency.active {
			break
		}
		f = before
	}
	if f == nil {
		return s.seq // nobody knows
	}
	return f.first
}
