package rtc

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v4/vnet"
	"github.com/pion/webrtc/v4"
)

// Without RTX a lost packet is sent again under its old number. Also if the numbers
// have wrapped since, it belongs to the rollover before (RFC 3711 §3.3.1), and the
// peer can read it and what follows.
func TestResendAcrossWrap(t *testing.T) {
	for _, profile := range []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			var lose atomic.Bool
			w.router.AddChunkFilter(func(k vnet.Chunk) bool {
				return !lose.Load() || classify(k.UserData()) != classMedia
			})
			c := newClient(t, clientOptions{net: w.clientNet, settings: func(se *webrtc.SettingEngine) {
				se.SetSRTPProtectionProfiles(profile)
			}})
			r := newRecorder()
			p := c.connect(t, w.transport, r, nil)
			s := &sender{t: t, w: w, p: p, c: c, lose: &lose}
			for range 3 { // rollovers
				for base := 1000; base < 65000; base += 8000 { // SRTP follows steps of less than 2^15
					s.send(base)
				}
				s.send(65530, -65531, -65532, 65533, -65534, 65535, 0, -1, 2, 3)
				s.send(65531, 65534, 1, 65532) // again
				s.send(4, 5, 6)
				s.send(-7, 8, 7)
			}
			w.close(c)
		})
	}
}

// A sender writes numbered packets and wants each to arrive; negative ones get lost.
type sender struct {
	t    *testing.T
	w    *world
	p    *Peer
	c    *client
	lose *atomic.Bool
}

func (s *sender) send(numbers ...int) {
	s.t.Helper()
	for _, n := range numbers {
		s.lose.Store(n < 0)
		h := &rtp.Header{Version: 2, SSRC: s.p.SSRCs()[0].SSRC, PayloadType: 96, SequenceNumber: uint16(max(n, -n))} //nolint:gosec // small
		must(s.t, s.p.WriteRTP(h, fmt.Appendf(nil, "payload %d", max(n, -n))))
		time.Sleep(time.Millisecond)
		if n < 0 {
			continue
		}
		select {
		case got := <-s.c.packets:
			if want := fmt.Sprintf("payload %d", n); string(got.Payload) != want {
				s.t.Errorf("%q arrived, want %q", got.Payload, want)
			}
		case <-time.After(time.Second):
			s.t.Fatalf("%d did not arrive", n)
		}
	}
}

// The same packet again is the same bytes on the wire: AES-GCM is broken by two
// packets under one number.
func TestResendIsBitIdentical(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(false), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		was := p.route.Load()
		wire := &tape{}
		p.route.Store(&route{endpoint: &endpoint{packetIO: wire}, to: was.to})
		for _, n := range []uint16{65534, 65535, 0, 1, 65535, 65534, 2, 0} {
			must(t, p.WriteRTP(&rtp.Header{Version: 2, SSRC: 7, PayloadType: 96, SequenceNumber: n}, []byte{1, 2, 3}))
		}
		p.route.Store(was)
		for _, same := range [][2]int{{1, 4}, {0, 5}, {2, 7}} {
			if !bytes.Equal(wire.packets[same[0]], wire.packets[same[1]]) {
				t.Errorf("packets %d and %d differ: %x and %x", same[0], same[1], wire.packets[same[0]], wire.packets[same[1]])
			}
		}
		w.close(c)
	})
}

// A tape keeps what is sent.
type tape struct {
	nowhere
	packets [][]byte
	from    []netip.Addr
}

func (s *tape) WriteToFrom(b []byte, _ netip.AddrPort, from netip.Addr) (int, error) {
	s.packets, s.from = append(s.packets, slices.Clone(b)), append(s.from, from)
	return len(b), nil
}

// A publisher's packets may come late and mixed up around the wrap too, and each once.
func TestReceiveAcrossWrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		var kept [][]byte // what the client sent, in that order
		w.router.AddChunkFilter(clientFilter(func(b []byte) bool {
			if classify(b) != classMedia {
				return true
			}
			kept = append(kept, slices.Clone(b))
			return false
		}))
		const n = 3000
		for i := range uint16(n) {
			c.out.write(t, 7, 96, 64000+i)
			time.Sleep(time.Microsecond)
		}
		synctest.Wait()
		order := slices.Clone(kept[:100]) // far enough that the state is settled
		late := kept[100:]
		for start := 0; start < len(late); start += 500 {
			block := slices.Clone(late[start:min(start+500, len(late))])
			slices.Reverse(block)
			order = append(order, block...)
		}
		for _, b := range order {
			w.transport.mux.give(b, p.RemoteAddr().String())
			w.transport.mux.give(b, p.RemoteAddr().String()) // twice
			synctest.Wait()
		}
		if s := p.Stats(); len(kept) != n || len(r.rtpHeard()) != n || s.PacketsRejected != n {
			t.Errorf("%d sent, %d heard, %+v", len(kept), len(r.rtpHeard()), s)
		}
		w.close(c)
	})
}

// Replays of RTCP are refused, late ones within the window are not.
func TestReplayRTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		var kept [][]byte
		w.router.AddChunkFilter(clientFilter(func(b []byte) bool {
			if classify(b) != classMedia {
				return true
			}
			kept = append(kept, slices.Clone(b))
			return false
		}))
		for range 50 {
			must(t, c.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1}}))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		slices.Reverse(kept)
		for range 2 {
			for _, b := range kept {
				w.transport.mux.give(b, p.RemoteAddr().String())
			}
		}
		time.Sleep(time.Second)
		if s := p.Stats(); len(r.rtcpHeard()) != 50 || s.PacketsRejected != 50 {
			t.Errorf("%d heard, %+v", len(r.rtcpHeard()), s)
		}
		w.close(c)
	})
}
