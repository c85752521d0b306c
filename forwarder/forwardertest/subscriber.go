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
	subAudioPT, subVideoPT, subRTXPT = 63, 100, 101
	subTransportID                   = 5
	reportEvery                      = 100 * time.Millisecond
	pliAfter                         = 500 * time.Millisecond
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
	arrived   []uint16 // transport-wide numbers since the last feedback
	syncs     [2]sync
	shown     int       // video frames decoded
	lastShow  time.Time // capture time of the last one
	lastAt    time.Time
	longest   time.Duration // between two frames decoded
	segments  uint64        // begun by the core
	segmentAt time.Time     // the last of them
	missed    int           // frames sent before it joined
	newest    uint16        // publisher of the newest video sent
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
	s := &subscriber{w: w, index: len(w.subs), joined: w.now, lastAt: w.now, missed: w.sent}
	ids := map[codec.Extension]uint8{}
	if w.opt.TransportCC {
		ids[codec.TransportCC] = subTransportID
	}
	rtxPT, rtxSSRC := uint8(0), uint32(0)
	if w.opt.RTX {
		rtxPT, rtxSSRC = subRTXPT, 3000
	}
	s.core = forwarder.NewSubscriber(forwarder.SubscriberConfig{Seed: w.rnd.Uint64(), Tracks: []forwarder.SubscriberTrack{
		{
			Kind: codec.Audio, SSRC: 1000, CNAME: "c", Extensions: ids,
			Formats: []forwarder.SubscriberFormat{{Format: codec.Format{Name: codec.Opus}, PT: subAudioPT}},
		},
		{
			Kind: codec.Video, SSRC: 2000, RTXSSRC: rtxSSRC, CNAME: "c", NACK: true, Extensions: ids,
			Formats: []forwarder.SubscriberFormat{{Format: w.format(), PT: subVideoPT, RTX: rtxPT}},
		},
	}})
	s.tracks = []*downstream{
		{kind: codec.Audio, ssrc: 1000, oracle: newOracle(s, codec.Audio)},
		{kind: codec.Video, ssrc: 2000, rtx: rtxSSRC, oracle: newOracle(s, codec.Video), decoder: receiver{needSets: w.opt.H264}},
	}
	w.subs = append(w.subs, s)
	if w.pub != nil && !w.pub.core.Ended() {
		s.attach(w.pub)
		s.checkJoin()
	}
	w.after(reportEvery, s.feedback)
	if w.opt.Rejoin > 0 {
		w.after(w.around(w.opt.Rejoin), s.leave)
	}
	if w.opt.PauseSubscribers > 0 && s.index%2 == 1 {
		w.after(w.around(w.opt.PauseSubscribers), s.block)
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
		s.emit()
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
			s.core.Blocked(p.SSRC, &s.out)
			continue
		}
		if s.w.opt.Fault != nil && !s.w.opt.Fault(s.index, p) {
			continue
		}
		s.transmit(p)
	}
	if len(s.out.RTCP) > 0 {
		s.reports(s.out.RTCP)
	}
	for _, e := range s.out.Wishes {
		if p := s.w.pub; p != nil && !p.core.Ended() {
			p.core.RequestKeyframe(e)
			p.tickLater()
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
	b = b[:n]
	var p rtp.Packet
	if err := p.Unmarshal(b); err != nil {
		s.w.fail("subscriber %d: %v", s.index, err)
		return
	}
	for _, t := range s.tracks {
		if p.SSRC == t.ssrc || p.SSRC == t.rtx && t.rtx != 0 {
			t.oracle.packet(&p, b, p.SSRC != t.ssrc)
			if c, ok := parseContent(p.Payload); ok && o.FirstPayload && t.kind == codec.Video {
				s.newest = c.publisher
			}
			if o.FirstPayload {
				s.checkSync(t, &p)
			}
			s.w.carry(s.w.opt.Down, func() { s.receive(t, &p) })
			return
		}
	}
	s.w.fail("subscriber %d: SSRC %d was not negotiated", s.index, p.SSRC)
}

func (s *subscriber) receive(t *downstream, p *rtp.Packet) {
	if s.left {
		return
	}
	if ext := p.GetExtension(subTransportID); len(ext) == 2 {
		s.arrived = append(s.arrived, uint16(ext[0])<<8|uint16(ext[1]))
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

// show notes a decoded frame.
func (s *subscriber) show(c content) {
	s.longest = max(s.longest, s.w.now.Sub(s.lastAt))
	s.shown++
	s.lastShow, s.lastAt = c.time(), s.w.now
}

// reports takes the sender reports, as they leave the core.
func (s *subscriber) reports(b []byte) {
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

// syncTolerance is how far reports may put audio and video apart.
const syncTolerance = 15 * time.Millisecond

// checkSync holds lips against voices: both tracks' sender reports must put
// media the same time after its capture.
func (s *subscriber) checkSync(t *downstream, p *rtp.Packet) {
	c, ok := parseContent(p.Payload)
	if !ok || t.report == nil || p.SSRC != t.ssrc || s.w.opt.NoSenderReports || s.w.now.Sub(t.sentAt) > 200*time.Millisecond {
		return
	}
	if n := s.core.Track(codec.Video).Counts().Keyframes; n != s.segments {
		s.segments, s.segmentAt = n, s.w.now
	}
	if s.w.now.Sub(s.segmentAt) < 2500*time.Millisecond {
		return // catching up, or an encoding without a report yet
	}
	clock := time.Duration(90000)
	if t.kind == codec.Audio {
		clock = 48000
	}
	since := time.Duration(int32(p.Timestamp-t.report.RTPTime)) * time.Second / clock
	i := int(t.kind - codec.Audio)
	s.syncs[i] = sync{c.publisher, t.sentAt.Add(since).Sub(c.time()), t.sentAt}
	other := s.syncs[1-i]
	if other.publisher != c.publisher || s.w.now.Sub(other.at) > time.Second || s.w.now.Sub(s.w.pub.streams[0].start) < 3*time.Second {
		return
	}
	if d := s.syncs[i].offset - other.offset; d > syncTolerance || d < -syncTolerance {
		s.w.fail("subscriber %d: audio and video are %v apart by their reports", s.index, d)
	}
}

// feedback is what a receiver tells us, some times a second.
func (s *subscriber) feedback() {
	if s.left {
		return
	}
	s.w.after(reportEvery, s.feedback)
	var packets []rtcp.Packet
	rr := &rtcp.ReceiverReport{SSRC: 9}
	for _, t := range s.tracks {
		if !t.decoder.started {
			continue
		}
		block := rtcp.ReceptionReport{SSRC: t.ssrc, LastSequenceNumber: uint32(t.decoder.highest)}
		if t.report != nil {
			block.LastSenderReport = uint32(t.report.NTPTime >> 16)
			block.Delay = uint32(s.w.now.Sub(t.sentAt) * (1 << 16) / time.Second)
		}
		rr.Reports = append(rr.Reports, block)
		if t.kind == codec.Video {
			packets = s.ask(t, packets)
		}
	}
	packets = append([]rtcp.Packet{rr}, packets...)
	packets = s.transportFeedback(packets)
	b, err := rtcp.Marshal(packets)
	if err != nil {
		panic(err)
	}
	s.w.carry(Network{Loss: s.w.opt.Down.Loss, Delay: s.w.opt.Down.Delay}, func() {
		if s.left {
			return
		}
		s.out.Reset()
		s.core.HandleRTCP(s.w.now, b, &s.out)
		s.emit()
		s.pull()
	})
}

func (s *subscriber) ask(t *downstream, packets []rtcp.Packet) []rtcp.Packet {
	if missing := t.decoder.missing(); len(missing) > 0 {
		packets = append(packets, &rtcp.TransportLayerNack{MediaSSRC: t.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(missing)})
	}
	if s.w.now.Sub(s.lastAt) > pliAfter && s.w.now.Sub(t.decoder.pli) > pliAfter {
		t.decoder.pli = s.w.now
		packets = append(packets, &rtcp.PictureLossIndication{MediaSSRC: t.ssrc})
	}
	return packets
}

func (s *subscriber) transportFeedback(packets []rtcp.Packet) []rtcp.Packet {
	if len(s.arrived) == 0 {
		return packets
	}
	last := s.arrived[0]
	for _, n := range s.arrived {
		if int16(n-last) > 0 {
			last = n
		}
	}
	s.arrived = s.arrived[:0]
	return append(packets, &rtcp.TransportLayerCC{
		MediaSSRC: 2000, BaseSequenceNumber: last, PacketStatusCount: 1,
		Header:       rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: 5, Padding: true},
		PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{Type: rtcp.TypeTCCRunLengthChunk, PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 1}},
		RecvDeltas:   []*rtcp.RecvDelta{{Type: rtcp.TypeTCCPacketReceivedSmallDelta}},
	})
}
