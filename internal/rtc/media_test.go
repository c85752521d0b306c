package rtc

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Every stream comes through, declared or not: media, RTX, several encodings, any
// payload type, Chromium's probes on SSRC 0.
func TestAnySSRC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		c.connect(t, w.transport, r, nil)
		for i := range uint32(maxSSRCs) {
			c.out.write(t, i*1000, uint8(96+i%30), 1) //nolint:gosec // small
			c.out.write(t, i*1000, uint8(96+i%30), 2) //nolint:gosec // small
		}
		r.wait(t, "RTP", func() bool { return len(r.rtp) == 2*maxSSRCs })
		for i, b := range r.rtpHeard() {
			var p rtp.Packet
			must(t, p.Unmarshal(b))
			if p.SSRC != uint32(i/2)*1000 || p.PayloadType != uint8(96+i/2%30) || string(p.Payload) != "\x01\x02\x03\x04" { //nolint:gosec // small
				t.Fatalf("packet %d is %v", i, p)
			}
		}
		if len(r.statesHeard()) != 1 {
			t.Errorf("states %v", r.statesHeard())
		}
		w.close(c)
	})
}

// stalling is a handler that is busy with the first packet while others come.
type stalling struct {
	*recorder
	once sync.Once
}

const stall = 200 * time.Millisecond

func (s *stalling) OnRTP(b []byte, at time.Time) {
	s.once.Do(func() { time.Sleep(stall) })
	s.recorder.OnRTP(b, at)
}

// A packet that waits in the socket has arrived all the same: probes are spaced as they
// were on the wire.
func TestArrivalIsNotHandling(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel does not say when packets arrived")
	}
	tr, _ := realTransport(t, "127.0.0.1", nil)
	c, r := newClient(t, clientOptions{publishes: true}), newRecorder()
	p := c.connect(t, tr, r, func(p *PeerConfig) { p.Handler = &stalling{recorder: r} })
	const apart, packets = 10 * time.Millisecond, 5
	for seq := range uint16(packets) {
		c.out.write(t, 1000, 96, seq)
		time.Sleep(apart)
	}
	r.wait(t, "RTP", func() bool { return len(r.at) == packets })
	if spread := r.at[packets-1].Sub(r.at[1]); spread < (packets-2)*apart/2 || spread > stall {
		t.Errorf("the last packets arrived in %v, sent %v apart", spread, apart)
	}
	must(t, c.pc.Close())
	must(t, p.Close())
}

// A publisher with more streams than anyone needs is closed.
func TestTooManySSRCs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		c.connect(t, w.transport, r, nil)
		for i := range uint32(100) { // the last ones may find the client closed
			_, _ = c.out.ctx.WriteStream().WriteRTP(&rtp.Header{Version: 2, SSRC: i, PayloadType: 96}, []byte{1})
		}
		r.waitState(t, Closed)
		if len(r.rtpHeard()) != maxSSRCs || !slices.Equal(r.statesHeard(), []State{Connected, Failed, Closed}) {
			t.Errorf("%d packets, states %v", len(r.rtpHeard()), r.statesHeard())
		}
		w.close(c)
	})
}

// Each RTCP packet of a compound comes once, whomever it is for: those for no SSRC
// of ours and those for several too.
func TestRTCPOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(false), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		s := p.SSRCs()[0]
		compound := []rtcp.Packet{
			&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: s.SSRC}, {SSRC: s.RTX}}},
			&rtcp.ReceiverReport{SSRC: 1},
			rtcp.NewCNAMESourceDescription(1, "x"),
			&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: s.SSRC, Nacks: []rtcp.NackPair{{PacketID: 5}}},
			&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 4711},
			&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1e6, SSRCs: []uint32{s.SSRC, s.RTX, 3}},
			&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1e6},
			&rtcp.SenderReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: s.SSRC}, {SSRC: s.RTX}}},
			&rtcp.FullIntraRequest{SenderSSRC: 1, FIR: []rtcp.FIREntry{{SSRC: s.SSRC}, {SSRC: s.RTX}}},
			&rtcp.Goodbye{Sources: []uint32{1, s.SSRC}},
			&rtcp.RawPacket{0x80, 210, 0, 1, 0, 0, 0, 9}, // of no known type
		}
		must(t, c.pc.WriteRTCP(compound))
		r.wait(t, "RTCP", func() bool { return len(r.rtcp) >= len(compound) })
		time.Sleep(time.Second)
		if len(r.rtcpHeard()) != len(compound) {
			t.Fatalf("%d packets, want %d", len(r.rtcpHeard()), len(compound))
		}
		for i, want := range compound {
			b, err := want.Marshal()
			must(t, err)
			if !slices.Equal(b, r.rtcpHeard()[i]) {
				t.Errorf("packet %d is %x, want %x", i, r.rtcpHeard()[i], b)
			}
		}
		w.close(c)
	})
}

// What we send as RTCP arrives.
func TestWriteRTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		got := make(chan []rtcp.Packet, 1)
		go func() {
			pkts, _, err := c.pc.GetSenders()[0].ReadRTCP()
			if err == nil {
				got <- pkts
			}
		}()
		ssrc := uint32(c.pc.GetSenders()[0].GetParameters().Encodings[0].SSRC)
		b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: ssrc}})
		must(t, err)
		must(t, p.WriteRTCP(b))
		if s := fmt.Sprint(<-got); s == "[]" {
			t.Errorf("got %s", s)
		}
		w.close(c)
	})
}

// Replays and forgeries are refused, late packets within the window are not.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		c.out.write(t, 7, 96, replayWindow)
		c.out.write(t, 7, 96, 100)          // late
		c.out.write(t, 7, 96, replayWindow) // again
		r.wait(t, "RTP", func() bool { return len(r.rtp) == 2 })
		forged := append([]byte{0x80, 96}, make([]byte, 60)...)
		from := w.transport.mux
		pk := from.pool.get()
		pk.from, pk.n = p.RemoteAddr(), copy(pk.buf[:], forged)
		from.dispatch(pk)
		time.Sleep(time.Second)
		synctest.Wait()
		if s := p.Stats(); len(r.rtpHeard()) != 2 || s.PacketsRejected != 2 || s.PacketsReceived != 2 || s.Protocol != "udp" {
			t.Errorf("%d packets, %+v", len(r.rtpHeard()), s)
		}
		w.close(c)
	})
}

// Media that overtakes the installation of its keys waits for them, within a bound.
func TestEarlyMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		synctest.Wait() // the keys are in place
		p.inMu.Lock()
		in := p.in
		p.in = nil
		p.inMu.Unlock()
		for seq := range uint16(maxEarlyMedia + 10) {
			c.out.write(t, 7, 96, seq)
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		if len(r.rtpHeard()) != 0 || len(p.early) != maxEarlyMedia {
			t.Errorf("%d delivered, %d kept", len(r.rtpHeard()), len(p.early))
		}
		p.receive(in)
		c.out.write(t, 7, 96, 9999)
		r.wait(t, "RTP", func() bool { return len(r.rtp) == maxEarlyMedia+1 })
		w.close(c)
	})
}

func TestTransportFeedback(t *testing.T) {
	f := NewTransportFeedback(9)
	if b := f.AppendTo(nil); len(b) != 0 {
		t.Errorf("%d bytes for nothing", len(b))
	}
	at := time.Unix(1_000_000, 0)
	for seq := range uint16(10) {
		if seq != 4 {
			f.Record(7, 65530+seq, at.Add(time.Duration(seq)*time.Millisecond))
		}
	}
	pkts, err := rtcp.Unmarshal(f.AppendTo(nil))
	must(t, err)
	cc := pkts[0].(*rtcp.TransportLayerCC) //nolint:forcetypeassert // a failure is a failure
	if cc.SenderSSRC != 9 || cc.MediaSSRC != 7 || cc.BaseSequenceNumber != 65530 || cc.PacketStatusCount != 10 || len(cc.RecvDeltas) != 9 {
		t.Errorf("feedback %+v", cc)
	}
	if b := f.AppendTo([]byte{1}); len(b) != 1 {
		t.Errorf("the same again: %d bytes", len(b))
	}
}
