package forwardertest

import (
	"slices"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

const (
	subAudioPT, subVideoPT, subRTXPT            = 63, 100, 101
	subTransportID, subDescriptorID, subClockID = 5, 9, 7
	reportEvery                                 = 100 * time.Millisecond
	pliAfter                                    = 500 * time.Millisecond
)

// subscriber is one simulated subscriber session: the core's end of it, the
// oracles on what leaves the core, and a receiver behind a network.
type subscriber struct {
	w         *World
	index     int
	core      *forwarder.Subscriber
	out       forwarder.Output
	timer     time.Time
	left      bool
	blocked   bool
	joined    time.Time
	tracks    []*downstream
	arrived   []arrival // since the last feedback
	reports   uint8     // transport-wide ones sent
	picks     selecting
	syncs     [2]sync
	shown     int       // pictures decoded
	picture   uint32    // the last of them
	lastShow  time.Time // capture time of the last one
	lastAt    time.Time
	longest   time.Duration // between two frames decoded
	segments  uint64        // begun by the core
	segmentAt time.Time     // the last of them
	missed    int           // frames sent before it joined
	newest    uint16        // publisher of the newest video sent

	negotiated map[uint8]bool      // ids of header extensions
	seen       map[layer]time.Time // when each layer was last sent
}

// sync is how far sender reports put a track's media from its capture.
type sync struct {
	publisher uint16
	offset    time.Duration
	at        time.Time
}

// downstream is one track: oracle and receiver.
type downstream struct {
	kind    codec.Kind
	ssrc    uint32
	rtx     uint32
	oracle  oracle
	decoder receiver
	report  *rtcp.SenderReport
	sentAt  time.Time // of report
}

func (w *World) join() {
	s := &subscriber{w: w, index: w.joined, joined: w.now, lastAt: w.now, missed: w.sent, seen: map[layer]time.Time{}}
	w.joined++
	ids := map[codec.Extension]uint8{}
	if w.opt.TransportCC {
		ids[codec.TransportCC] = subTransportID
	}
	if s.index%4 != 3 {
		ids[codec.DependencyDescriptor] = subDescriptorID
	}
	if s.index%3 != 2 {
		ids[codec.AbsCaptureTime] = subClockID
	}
	s.negotiated = map[uint8]bool{}
	for _, id := range ids {
		s.negotiated[id] = true
	}
	s.begin(ids)
	w.subs = append(w.subs, s)
	if w.pub != nil && !w.pub.core.Ended() {
		s.attach(w.pub)
		s.checkJoin()
	}
	w.after(reportEvery, s.feedback)
	if w.opt.Select > 0 {
		w.after(w.upTo(w.opt.Select), s.choose)
	}
	if w.opt.Rejoin > 0 {
		w.after(w.around(w.opt.Rejoin), s.leave)
	}
	if w.opt.PauseSubscribers > 0 && s.index%2 == 1 {
		w.after(w.around(w.opt.PauseSubscribers), s.block)
	}
}

// begin makes the core's end and the receiver's.
func (s *subscriber) begin(ids map[codec.Extension]uint8) {
	o := &s.w.opt
	rtxPT, rtxSSRC := uint8(0), uint32(0)
	if o.RTX {
		rtxPT, rtxSSRC = subRTXPT, 3000
	}
	s.core = forwarder.NewSubscriber(forwarder.SubscriberConfig{Seed: s.w.rnd.Uint64(), Tracks: []forwarder.SubscriberTrack{
		{
			Kind: codec.Audio, SSRC: 1000, CNAME: "c", Extensions: ids,
			Formats: []forwarder.SubscriberFormat{{Format: codec.Format{Name: codec.Opus}, PT: subAudioPT}},
		},
		{
			Kind: codec.Video, SSRC: 2000, RTXSSRC: rtxSSRC, CNAME: "c", NACK: true, Extensions: ids,
			Formats: []forwarder.SubscriberFormat{{Format: o.format(), PT: subVideoPT, RTX: rtxPT}},
		},
	}})
	s.tracks = []*downstream{
		{kind: codec.Audio, ssrc: 1000},
		{kind: codec.Video, ssrc: 2000, rtx: rtxSSRC, decoder: receiver{
			needSets: o.hasSets(), tells: o.layered() && o.tellsLayers() && (!o.Descriptor || s.negotiated[subDescriptorID]),
		}},
	}
	for _, t := range s.tracks {
		t.oracle.start(s, t.kind)
	}
}

func (s *subscriber) block() {
	if s.left {
		return
	}
	s.blocked = !s.blocked
	d := s.w.around(s.w.opt.PauseSubscribers)
	if s.blocked {
		d = s.w.upTo(2 * time.Second)
	}
	s.w.after(d, s.block)
}

// leave ends the session; another one comes soon.
func (s *subscriber) leave() {
	s.left = true
	for _, t := range s.tracks {
		t.oracle.sequence.finish()
	}
	s.w.subs = slices.DeleteFunc(s.w.subs, func(o *subscriber) bool { return o == s })
	s.w.after(s.w.upTo(time.Second), s.w.join)
}

func (s *subscriber) attach(p *publisher) {
	if p == nil {
		s.core.SetPublisher(nil)
	} else {
		s.core.SetPublisher(p.core)
	}
	s.pull()
}

func (w *World) pullAll() {
	for _, s := range w.subs {
		s.pull()
	}
}

// pull does what a shard does.
func (s *subscriber) pull() {
	for range 100 {
		s.out.Reset()
		s.core.Pull(s.w.now, &s.out)
		s.w.opt.garble.pulled(s.w.now, &s.out)
		s.emit()
		s.note()
		if !s.out.More {
			break
		}
	}
	at := s.out.Deadline
	if at.IsZero() || at.Equal(s.timer) {
		return
	}
	if !at.After(s.w.now) {
		s.w.fail("subscriber %d: deadline %v is not in the future", s.index, at)
		return
	}
	s.timer = at
	s.w.after(at.Sub(s.w.now), func() {
		if s.timer.Equal(at) && !s.left {
			s.timer = time.Time{}
			s.pull()
		}
	})
}

func (s *subscriber) emit() {
	for i := range s.out.Packets {
		p := &s.out.Packets[i]
		if s.blocked {
			s.core.Blocked(p, &s.out)
			s.refuse(p)
			continue
		}
		s.transmit(p)
	}
	if len(s.out.RTCP) > 0 {
		s.senderReports(s.out.RTCP)
	}
	for _, e := range s.out.Wishes {
		if p := s.w.pub; p != nil && !p.core.Ended() {
			p.core.RequestKeyframe(e)
			p.tickLater()
			if h := p.lastHop(); h != nil {
				h.tickLater()
			}
		}
	}
}

// refuse tells the oracle of a packet that the full sink did not take.
func (s *subscriber) refuse(p *forwarder.OutPacket) {
	for _, t := range s.tracks {
		if p.SSRC == t.ssrc && p.FirstPayload {
			t.oracle.refuse(p.Seq)
		}
	}
}

// transmit shows a packet to the oracle and sends it on its way.
func (s *subscriber) transmit(o *forwarder.OutPacket) {
	b := make([]byte, 2000)
	n, err := o.MarshalTo(b)
	if err != nil {
		s.w.fail("subscriber %d: %v", s.index, err)
		return
	}
	b = s.w.opt.garble.packet(b[:n])
	var p rtp.Packet
	if err := p.Unmarshal(b); err != nil {
		s.w.fail("subscriber %d: %v", s.index, err)
		return
	}
	if s.w.opt.Fault != nil {
		if !s.w.opt.Fault(s.index, &p, o.FirstPayload) {
			return
		}
		if b, err = p.Marshal(); err != nil {
			panic(err)
		}
	}
	for _, t := range s.tracks {
		if p.SSRC == t.ssrc || p.SSRC == t.rtx && t.rtx != 0 {
			s.deliver(t, &p, b, o.FirstPayload)
			return
		}
	}
	s.w.fail("subscriber %d: SSRC %d was not negotiated", s.index, p.SSRC)
}

func (s *subscriber) deliver(t *downstream, p *rtp.Packet, wire []byte, first bool) {
	t.oracle.packet(p, wire, p.SSRC != t.ssrc)
	if c, ok := parseContent(p.Payload); ok && first && t.kind == codec.Video {
		s.newest = c.publisher
		s.seen[layer{c.publisher, c.encoding, c.spatial, c.temporal}] = s.w.now
	}
	if first {
		s.checkSync(t, p)
	}
	s.w.carry(s.w.opt.Down, func() { s.receive(t, p) })
}

func (s *subscriber) receive(t *downstream, p *rtp.Packet) {
	if s.left {
		return
	}
	if ext := p.GetExtension(subTransportID); len(ext) == 2 {
		s.arrived = append(s.arrived, arrival{uint16(ext[0])<<8 | uint16(ext[1]), s.w.now})
	}
	seq, payload := p.SequenceNumber, p.Payload
	if p.SSRC != t.ssrc {
		if len(payload) < 2 {
			return
		}
		seq, payload = uint16(payload[0])<<8|uint16(payload[1]), payload[2:]
	}
	t.decoder.packet(s.w.now, seq, payload)
	if t.kind == codec.Video {
		t.decoder.decode(s.show)
	}
}

// show notes a decoded layer frame.
func (s *subscriber) show(c *content) {
	if s.shown == 0 || c.spatial == 0 || c.picture != s.picture {
		s.shown++
	}
	s.picture = c.picture
	s.longest = max(s.longest, s.w.now.Sub(s.lastAt))
	s.lastShow, s.lastAt = c.time(), s.w.now
}

// senderReports takes the sender reports, as they leave the core.
func (s *subscriber) senderReports(b []byte) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		s.w.fail("subscriber %d: unreadable reports: %v", s.index, err)
		return
	}
	for _, pkt := range packets {
		if r, ok := pkt.(*rtcp.SenderReport); ok {
			for _, t := range s.tracks {
				if t.ssrc == r.SSRC {
					t.report, t.sentAt = r, s.w.now
				}
			}
		}
	}
}
