package forwarder_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// machine runs operations read from bytes on a publisher and some subscribers.
type machine struct {
	t      testing.TB
	data   []byte
	now    time.Time
	budget *forwarder.Budget
	pub    *forwarder.Publisher
	subs   []*fuzzSubscriber
	seq    [4]uint16 // of each stream
	ts     [4]uint32
	rtxSeq uint16
}

type fuzzSubscriber struct {
	core   *forwarder.Subscriber
	oracle *wireOracle
	out    forwarder.Output
}

// maxOperations bounds one run.
const maxOperations = 10_000

func runMachine(t testing.TB, data []byte) {
	m := &machine{t: t, data: data, now: start, budget: forwarder.NewBudget(1 << 18)}
	m.publish()
	for i := range 3 {
		m.subscribe(i)
	}
	for n := 0; len(m.data) > 0 && n < maxOperations; n++ {
		m.step()
		m.bounds()
	}
	m.pub.End()
	for _, s := range m.subs {
		m.pull(s)
	}
	if used := m.budget.Used(); used != 0 {
		t.Fatalf("%d bytes of the budget are not given back", used)
	}
}

func (m *machine) byte() byte {
	if len(m.data) == 0 {
		return 0
	}
	b := m.data[0]
	m.data = m.data[1:]
	return b
}

func (m *machine) uint16() uint16 { return uint16(m.byte())<<8 | uint16(m.byte()) }

func (m *machine) bytes() []byte {
	n := min(int(m.byte()%40), len(m.data))
	b := m.data[:n]
	m.data = m.data[n:]
	return b
}

func (m *machine) step() {
	switch op := m.byte(); op % 20 {
	default:
		m.media(op)
	case 8:
		m.repair()
	case 9:
		m.pub.HandleRTP(m.now, m.bytes())
	case 10:
		m.publisherReport()
	case 11:
		m.pub.HandleRTCP(m.now, m.bytes())
	case 12:
		m.pass()
	case 13:
		m.readable(m.pub.Tick(m.now, time.Duration(m.byte())*time.Millisecond, nil))
	case 14, 15:
		m.pull(m.sub())
	case 16:
		m.feedback(m.sub())
	case 17:
		s := m.sub()
		m.answer(s, func() { s.core.HandleRTCP(m.now, m.bytes(), &s.out) })
	case 18:
		m.turn()
	case 19:
		s := m.sub()
		m.answer(s, func() { s.core.Blocked(&forwarder.OutPacket{SSRC: uint32(m.byte())}, &s.out) })
	}
}

// pass lets time pass: mostly some milliseconds, at times hours.
func (m *machine) pass() {
	d := time.Duration(m.byte()) * time.Millisecond
	switch m.byte() {
	case 0, 1, 2, 3:
		d *= 30
	case 4:
		d *= 1 << 20
	}
	m.now = m.now.Add(d)
}

// repair pushes a retransmission for the first video stream.
func (m *machine) repair() {
	back := uint16(m.byte() % 16)
	payload := binary.BigEndian.AppendUint16(nil, m.seq[1]-back)
	m.rtxSeq++
	h := rtp.Header{Version: 2, SSRC: 20, PayloadType: 97, SequenceNumber: m.rtxSeq, Timestamp: m.ts[1] - uint32(back)*100, Marker: back&1 != 0}
	b, err := (&rtp.Packet{Header: h, Payload: append(payload, m.payload(1, m.byte())...)}).Marshal()
	if err != nil {
		m.t.Fatal(err)
	}
	m.pub.HandleRTP(m.now, b)
}

// media pushes one packet of one of four streams: audio, and three of video.
func (m *machine) media(op byte) {
	shape := m.byte()
	i := int(op) % 4
	switch shape >> 6 {
	case 0, 1:
		m.seq[i]++
	case 2:
		m.seq[i] += uint16(int8(m.byte()) / 16)
	case 3:
		switch m.byte() {
		case 0:
			m.seq[i] += m.uint16()
		case 1, 2, 3, 4:
			m.seq[i] += m.uint16() >> 4
		default:
			m.seq[i] += uint16(m.byte()%4) + 1
		}
	}
	if shape&1 != 0 {
		m.ts[i] += uint32(m.byte()) * 100
	}
	if shape&3 == 3 && m.byte() < 10 {
		m.ts[i] += uint32(m.uint16()) << 16
	}
	pt := [4]uint8{upAudio, 96, 98, 96}[i]
	h := rtp.Header{
		Version: 2, SSRC: uint32(10 + i), PayloadType: pt, Marker: shape&4 != 0, SequenceNumber: m.seq[i], Timestamp: m.ts[i],
	}
	if shape&8 != 0 {
		_ = h.SetExtension(4, []byte{m.byte()})
	}
	b, err := (&rtp.Packet{Header: h, Payload: m.payload(i, shape)}).Marshal()
	if err != nil {
		m.t.Fatal(err)
	}
	m.pub.HandleRTP(m.now, b)
}

func (m *machine) payload(i int, shape byte) []byte {
	key := shape&16 != 0
	switch {
	case shape&32 != 0 && m.byte() < 50:
		return m.bytes()
	case i == 0:
		return []byte{1, 2, 3}
	case i == 2 && key:
		return []byte{0x65, 0x88, 1, 2}
	case i == 2:
		return []byte{0x61, 0x88, 1, 2}
	}
	frame := vp8Frame(key)[:20]
	frame[7] = byte(i)
	if shape&2 != 0 { // X, T: of a temporal layer
		frame = append([]byte{frame[0] | 0x80, 0x20, m.byte() % 3 << 6}, frame[1:]...)
	}
	return frame
}

func (m *machine) publisherReport() {
	ssrc := uint32(10 + m.byte()%4)
	var pkt rtcp.Packet = &rtcp.SenderReport{
		SSRC: ssrc, NTPTime: uint64(m.uint16())<<48 | forwarder.ToNTP(m.now)&(1<<48-1), RTPTime: m.ts[ssrc-10] + uint32(m.byte()),
	}
	if m.byte() == 7 {
		pkt = &rtcp.Goodbye{Sources: []uint32{ssrc}}
	}
	b, err := pkt.Marshal()
	if err != nil {
		m.t.Fatal(err)
	}
	m.pub.HandleRTCP(m.now, b)
}

// readable holds what is sent to the publisher against its grammar and size.
func (m *machine) readable(b []byte) {
	if len(b) == 0 {
		return
	}
	if _, err := rtcp.Unmarshal(b); err != nil || len(b) > 2500 {
		m.t.Fatalf("feedback of %d bytes: %v", len(b), err)
	}
}

func (m *machine) sub() *fuzzSubscriber { return m.subs[int(m.byte())%len(m.subs)] }

func (m *machine) pull(s *fuzzSubscriber) {
	for range 50 {
		m.answer(s, func() { s.core.Pull(m.now, &s.out) })
		if len(s.out.Packets) > 2*forwarder.PassPackets {
			m.t.Fatalf("%d packets in one pass", len(s.out.Packets))
		}
		if !s.out.More {
			break
		}
	}
	if !s.out.Deadline.IsZero() && !s.out.Deadline.After(m.now) && !s.out.More {
		m.t.Fatal("a deadline that has passed: the shard would spin")
	}
}

func (m *machine) answer(s *fuzzSubscriber, do func()) {
	s.out.Reset()
	do()
	if len(s.out.Packets) > forwarder.MaxAnswer+17 {
		m.t.Fatalf("%d packets in one step", len(s.out.Packets))
	}
	for i := range s.out.Packets {
		s.oracle.packet(&s.out.Packets[i])
	}
	m.readable(s.out.RTCP)
	for _, e := range s.out.Wishes {
		m.pub.RequestKeyframe(e)
	}
}

func (m *machine) feedback(s *fuzzSubscriber) {
	kind, seq := m.byte(), m.uint16()
	ssrc := uint32(1 + kind%2)
	highest := s.oracle.tracks[ssrc].highest
	var pkt rtcp.Packet
	switch kind >> 1 % 6 {
	case 0:
		pkt = &rtcp.PictureLossIndication{MediaSSRC: ssrc}
	case 1:
		pkt = &rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{PacketID: uint16(highest) - seq%300, LostPackets: rtcp.PacketBitmap(m.uint16())}}}
	case 2:
		pkt = &rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{PacketID: seq, LostPackets: 0xffff}}}
	case 3:
		pkt = &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: ssrc, LastSequenceNumber: uint32(highest), LastSenderReport: uint32(seq) << 8}}}
	case 4:
		pkt = &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: ssrc, LastSequenceNumber: uint32(seq)}}}
	case 5:
		m.transportFeedback(s, s.oracle.transport-seq%50)
		return
	}
	b, err := pkt.Marshal()
	if err != nil {
		m.t.Fatal(err)
	}
	m.answer(s, func() { s.core.HandleRTCP(m.now, b, &s.out) })
}

func (m *machine) transportFeedback(s *fuzzSubscriber, seq uint16) {
	b := make([]byte, 20, 24)
	b[0], b[1], b[3] = 0x8f, 205, 5
	binary.BigEndian.PutUint16(b[12:], seq)
	b[15] = 1                    // packets
	b = append(b, 0x20, 1, 4, 0) // one received, and how long after the reference
	m.answer(s, func() { s.core.HandleRTCP(m.now, b, &s.out) })
}

// turn changes what subscribers pull from.
func (m *machine) turn() {
	switch what := m.byte(); what % 4 {
	case 0:
		m.pub.End()
		m.publish()
	case 1:
		m.sub().core.SetPublisher(nil)
		return
	case 2:
		m.sub().core.SetPublisher(m.pub)
		return
	case 3:
		m.subs[0] = m.subs[len(m.subs)-1]
		m.subs = m.subs[:len(m.subs)-1]
		m.subscribe(int(what >> 2))
		return
	}
	for _, s := range m.subs {
		s.core.SetPublisher(m.pub)
	}
}

func (m *machine) publish() {
	video := forwarder.PublisherTrack{
		Kind: codec.Video, MID: "1", NACK: true, PLI: true, REMB: true,
		Formats: map[uint8]codec.Format{96: vp8, 98: {Name: codec.H264, Mode: 1}},
		Repair:  map[uint8]uint8{97: 96, 99: 98},
		SSRCs:   []uint32{11, 12, 13}, RepairSSRCs: map[uint32]uint32{20: 11},
		Extensions: map[uint8]codec.Extension{4: codec.VideoOrientation, 2: codec.RID, 3: codec.RepairedRID},
	}
	audio := forwarder.PublisherTrack{Kind: codec.Audio, MID: "0", NACK: true, Formats: map[uint8]codec.Format{upAudio: opus, 0: {Name: codec.PCMU}}}
	m.pub = forwarder.NewPublisher(forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{audio, video}, Budget: m.budget})
}

// subscribe adds a subscriber: with everything, without retransmissions of their
// own, or without any feedback and one codec less.
func (m *machine) subscribe(i int) {
	tracks := []forwarder.SubscriberTrack{
		{Kind: codec.Audio, SSRC: 1, NACK: true, Formats: []forwarder.SubscriberFormat{{Format: opus, PT: downAudio}}},
		{Kind: codec.Video, SSRC: 2, RTXSSRC: 3, NACK: true, Formats: []forwarder.SubscriberFormat{
			{Format: vp8, PT: 100, RTX: 101}, {Format: codec.Format{Name: codec.H264, Mode: 1}, PT: 102, RTX: 103},
		}},
	}
	if i%3 != 2 {
		for j := range tracks {
			tracks[j].Extensions = map[codec.Extension]uint8{codec.TransportCC: 5, codec.VideoOrientation: 9}
		}
	}
	if i%3 != 0 {
		tracks[1].RTXSSRC, tracks[1].Formats[0].RTX, tracks[1].Formats[1].RTX = 0, 0, 0
	}
	if i%3 == 2 {
		tracks[1].Formats = tracks[1].Formats[:1]
	}
	s := &fuzzSubscriber{
		core:   forwarder.NewSubscriber(forwarder.SubscriberConfig{Tracks: tracks, Seed: uint64(i)}),
		oracle: newWireOracle(m.t, tracks),
	}
	s.oracle.encoding = s.core.Track(codec.Video).Encoding
	if i%3 == 1 {
		lower := uint8(1)
		s.core.Select(forwarder.Selection{MaxTemporal: &lower})
	}
	s.core.SetPublisher(m.pub)
	m.subs = append(m.subs, s)
}

func (m *machine) bounds() {
	if n := m.pub.Streams(); n > forwarder.MaxStreams {
		m.t.Fatalf("%d SSRCs kept", n)
	}
	if n := m.pub.HolesKept(); n > forwarder.NackHoles {
		m.t.Fatalf("%d holes kept", n)
	}
	for _, s := range m.subs {
		if n := s.core.Track(codec.Video).SentKept(); n > forwarder.SentVideoMax {
			m.t.Fatalf("%d sent packets kept", n)
		}
	}
}

// FuzzOperations runs sequences of operations on the whole core.
func FuzzOperations(f *testing.F) {
	f.Add([]byte{1, 0x15, 1, 0x05, 14, 0, 1, 0x15, 1, 0x45, 14, 0, 16, 3, 0, 1, 0, 0, 18, 0, 1, 0x15, 14, 0})
	f.Add([]byte{2, 0x14, 14, 0, 2, 5, 30, 14, 0, 12, 200, 200, 2, 0x95, 200, 30, 14, 0, 13, 1, 16, 1, 0, 0})
	f.Add([]byte{0, 4, 0, 0xc4, 1, 0, 0, 0xc4, 0xff, 0, 14, 1, 0, 0x84, 0x80, 0, 0x84, 0x7f, 14, 1})
	f.Fuzz(func(t *testing.T, data []byte) { runMachine(t, data) })
}

// TestRandomOperations runs long random sequences; a seed that ever failed stays.
func TestRandomOperations(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, 20_000)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		runMachine(t, data)
	}
}
