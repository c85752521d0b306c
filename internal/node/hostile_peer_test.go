package node_test

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

// paced runs a step so often that some thousand packets a second are sent, as the
// node's socket would drop most of a burst.
func paced(steps int, step func(i int)) {
	for i := range steps {
		step(i)
		if i%20 == 19 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// wildHeader makes an RTP header whose fields mean nothing.
func wildHeader(rnd *rand.Rand, ssrc uint32) *rtp.Header {
	h := &rtp.Header{
		Version: 2, Marker: rnd.IntN(2) == 0, PayloadType: uint8(rnd.IntN(128)), //nolint:gosec // seven bits
		SequenceNumber: uint16(rnd.Uint32()), Timestamp: rnd.Uint32(), SSRC: ssrc, //nolint:gosec // any will do
	}
	if rnd.IntN(3) > 0 {
		h.PayloadType = uint8(traitorVP8 + rnd.IntN(2)) //nolint:gosec // one of two
	}
	for range rnd.IntN(4) {
		h.CSRC = append(h.CSRC, rnd.Uint32())
	}
	if rnd.IntN(2) == 0 {
		h.Extension, h.ExtensionProfile = true, []uint16{0xBEDE, 0x1000}[rnd.IntN(2)]
		value := make([]byte, 1+rnd.IntN(16))
		fill(rnd, value)
		_ = h.SetExtension(uint8(1+rnd.IntN(14)), value) //nolint:gosec // an id
	}
	return h
}

// wildPayload makes a payload, some with padding behind it.
func wildPayload(rnd *rand.Rand, h *rtp.Header) []byte {
	b := make([]byte, rnd.IntN(1400))
	fill(rnd, b)
	if len(b) > 2 && rnd.IntN(2) == 0 { // the beginning of a VP8 keyframe
		b[0], b[1], b[2] = 0x10, 0, 0
	}
	if rnd.IntN(4) == 0 {
		h.Padding, h.PaddingSize = true, uint8(1+rnd.IntN(255)) //nolint:gosec // a byte
	}
	return b
}

// TestHostilePublisher: media that makes no sense, with a subscriber of it beside a
// stream that must not notice.
func TestHostilePublisher(t *testing.T) {
	const packets = 6000
	v := newVictim(t)
	s := v.studio("studio")
	x := v.traitor("traitor")
	victims := []*client.Player{v.play("traitor"), v.play("traitor")}
	rnd := rand.New(rand.NewPCG(11, 12))
	ssrc := uint32(7)
	seq := uint16(0)
	paced(packets, func(i int) {
		h := wildHeader(rnd, ssrc+uint32(rnd.IntN(20))) //nolint:gosec // fewer than may be
		if i%2 == 0 {                                   // half of it is believed
			seq++
			h.SSRC, h.PayloadType, h.SequenceNumber = ssrc, traitorVP8, seq
		}
		x.write(h, wildPayload(rnd, h))
		if i%10 == 0 {
			_ = x.pc.WriteRTCP([]rtcp.Packet{wildRTCP(rnd, ssrc)})
		}
	})
	s.wantMedia()
	if !x.alive() {
		t.Error("the session ended: nothing was tested")
	}
	if c := v.node.Streams().Counts(); c.HistoryBytes > 64<<20 {
		t.Errorf("%d bytes kept", c.HistoryBytes)
	}
	for _, p := range victims {
		_ = p.Close(t.Context())
	}
	x.leave()
	s.leave()
	v.wantUnharmed()
}

// wildRTCP makes a packet or compound of any type with lengths that are right.
func wildRTCP(rnd *rand.Rand, ssrc uint32) *rtcp.RawPacket {
	var b rtcp.RawPacket
	for range 1 + rnd.IntN(4) {
		words := 1 + rnd.IntN(40)
		p := make([]byte, 4+4*words)
		fill(rnd, p)
		p[0] = 0x80 | byte(rnd.IntN(64)) // padding and count
		p[1] = byte(200 + rnd.IntN(8))
		binary.BigEndian.PutUint16(p[2:], uint16(words)) //nolint:gosec // few
		binary.BigEndian.PutUint32(p[4:], ssrc)
		if len(p) >= 12 && rnd.IntN(2) == 0 {
			binary.BigEndian.PutUint32(p[8:], ssrc)
		}
		b = append(b, p...)
	}
	return &b
}

// TestHostileSSRCs: a publisher of more streams than may be loses its session, and one
// whose packets are too large or whose DTLS makes no sense hurts itself alone.
func TestHostileSSRCs(t *testing.T) {
	v := newVictim(t)
	s := v.studio("studio")
	x := v.traitor("traitor")
	for _, size := range []int{1500, 1600, 1601, 1900, 2040, 2100, 9000, 60_000} {
		x.write(&rtp.Header{Version: 2, SSRC: 7, PayloadType: traitorVP8}, make([]byte, size))
	}
	if !x.alive() {
		t.Error("large packets ended the session")
	}
	for ssrc := range uint32(100) {
		x.write(&rtp.Header{Version: 2, SSRC: 1000 + ssrc, PayloadType: traitorVP8, SequenceNumber: 1}, []byte{0x10, 0})
	}
	if !v.settle(func() bool { return !x.alive() }) {
		t.Error("a peer of 100 streams is still there")
	}
	x.leave()

	y := v.traitor("traitor")
	y.wantLive() // the handshake is over for the node too
	rnd := rand.New(rand.NewPCG(13, 14))
	paced(2000, func(int) { y.direct(garbage(rnd, "", "")) })
	paced(1000, func(int) { y.direct(record(rnd)) })
	for n := range byte(100) { // alerts anybody could send who forges an address (RFC 5246 §7.2)
		hello := []byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 8, n, 0, 0}
		alert := []byte{21, 254, 253, 0, 0, 0, 0, 0, 0, 9, n, 0, 2, 1 + n%2, n}
		y.direct(alert)
		y.direct(append(hello, alert...))
	}
	s.wantMedia() // comes through the same socket, after all that
	if !y.alive() {
		t.Error("what was not encrypted ended the session")
	}
	y.leave()
	s.leave()
	v.wantUnharmed()
}

// TestHostileSubscriber: feedback that makes no sense or asks for too much.
func TestHostileSubscriber(t *testing.T) {
	const rounds = 3000
	v := newVictim(t)
	s := v.studio("studio")
	var asked atomic.Int64
	source, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8, KeyframeInterval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	pub, err := client.Publish(t.Context(), client.PublishOptions{
		Options: v.options("/whip/asked"), Video: []client.Encoding{{Source: source}},
		OnKeyframeRequest: func(string) { asked.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	fair := &studio{v: v, pub: pub, player: v.play("asked")}
	fair.wantMedia()
	hostile := &studio{v: v, pub: pub, player: v.play("asked")}
	hostile.wantMedia()
	ssrc := hostile.player.Stats().Video.SSRC
	rnd := rand.New(rand.NewPCG(15, 16))
	asked.Store(0)
	start := time.Now()
	paced(rounds, func(i int) {
		_ = hostile.player.PeerConnection().WriteRTCP([]rtcp.Packet{greed(rnd, i, ssrc)})
	})
	// The gate: two a second, and one each for how it stood before and after.
	if n, limit := asked.Load(), int64(time.Since(start)/(500*time.Millisecond))+2; n > limit || n == 0 {
		t.Errorf("the publisher was asked for %d keyframes, at most %d may be", n, limit)
	}
	s.wantMedia()
	fair.wantMedia()
	if got := fair.player.Stats().Video; got.DamagedFrames > 0 {
		t.Errorf("another subscriber of the stream is disturbed: %+v", got)
	}
	hostile.leave()
	fair.leave()
	s.leave()
	v.wantUnharmed()
}

// greed makes the i-th packet of a subscriber that wants everything, or lies.
func greed(rnd *rand.Rand, i int, ssrc uint32) rtcp.Packet {
	switch i % 7 {
	case 0:
		nack := &rtcp.TransportLayerNack{MediaSSRC: ssrc}
		for range 200 {
			nack.Nacks = append(nack.Nacks, rtcp.NackPair{PacketID: uint16(rnd.Uint32()), LostPackets: 0xffff}) //nolint:gosec // any
		}
		return nack
	case 1:
		return &rtcp.PictureLossIndication{MediaSSRC: ssrc}
	case 2:
		fir := &rtcp.FullIntraRequest{MediaSSRC: ssrc}
		for n := range 100 {
			fir.FIR = append(fir.FIR, rtcp.FIREntry{SSRC: ssrc, SequenceNumber: uint8(n)}) //nolint:gosec // few
		}
		return fir
	case 3:
		rr := &rtcp.ReceiverReport{}
		for range 31 {
			rr.Reports = append(rr.Reports, rtcp.ReceptionReport{
				SSRC: ssrc, FractionLost: 255, TotalLost: 1<<24 - 1, LastSequenceNumber: rnd.Uint32(),
				Jitter: rnd.Uint32(), LastSenderReport: rnd.Uint32(), Delay: rnd.Uint32(),
			})
		}
		return rr
	case 4:
		return wildTransportFeedback(rnd, ssrc)
	case 5:
		return &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: []float32{0, 1, 1e30, 3.4e38}[rnd.IntN(4)], SSRCs: []uint32{ssrc, ssrc}}
	}
	return wildRTCP(rnd, ssrc)
}

// wildTransportFeedback reports packets in runs that claim far more than was sent.
func wildTransportFeedback(rnd *rand.Rand, ssrc uint32) *rtcp.RawPacket {
	b := make(rtcp.RawPacket, 20+4*rnd.IntN(100))
	fill(rnd, b)
	b[0], b[1] = 0x80|15, 205
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1)) //nolint:gosec // few
	binary.BigEndian.PutUint32(b[8:], ssrc)
	binary.BigEndian.PutUint16(b[14:], 0xffff) // packets reported on
	return &b
}

// TestHostileExtensions: a value that is named again and again in one packet is kept
// once, so that a packet cannot cost a hundred times its size.
func TestHostileExtensions(t *testing.T) {
	const packets = 800
	v := newVictim(t)
	x := v.traitor("traitor")
	before := heapInUse()
	seq := uint16(0)
	paced(packets, func(int) {
		seq++
		x.write(repeated(seq), []byte{0x10, 0, 0, 1})
	})
	if !v.settle(func() bool { c := v.node.Streams().Counts(); return c.HistoryBytes >= packets/2*4 }) {
		t.Fatalf("only %d bytes arrived", v.node.Streams().Counts().HistoryBytes)
	}
	if kept := heapInUse() - before; int64(kept) > packets*10_000 { //nolint:gosec // not negative as signed
		t.Errorf("%d packets of 1 KB cost %d KiB", packets, kept>>10)
	}
	x.leave()
	v.wantUnharmed()
}

// repeated makes a header with one long extension value and many more of its ids.
func repeated(seq uint16) *rtp.Header {
	ext := []byte{}
	for id := range byte(4) {
		ext = append(ext, 1+id, 200)
		ext = append(ext, make([]byte, 200)...)
	}
	for range 80 {
		ext = append(ext, 1, 0, 2, 0, 3, 0, 4, 0)
	}
	return &rtp.Header{
		Version: 2, SSRC: 7, PayloadType: traitorVP8, SequenceNumber: seq, Timestamp: uint32(seq) * 3000,
		Extension: true, ExtensionProfile: 0x1000, Extensions: extensions(ext),
	}
}

// extensions parses the two-byte form (RFC 8285 §4.3).
func extensions(b []byte) []rtp.Extension {
	packet := append([]byte{0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0}, byte(len(b)/4>>8), byte(len(b)/4))
	var h rtp.Header
	if _, err := h.Unmarshal(append(packet, b...)); err != nil {
		panic(err)
	}
	return h.Extensions
}
