package rtc

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/internal/quiet"
)

// Every role an offer may name ends in the answer that fits it, and connects.
func TestSetupRoles(t *testing.T) {
	for offered, want := range map[Setup]Setup{ActPass: Passive, Active: Passive, Passive: Active} {
		t.Run(offered.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				c, r := w.client(true), newRecorder()
				p := c.connect(t, w.transport, r, func(cfg *PeerConfig) { cfg.Setup = offered })
				if got := p.Local().Setup; got != want {
					t.Errorf("answered %s, want %s", got, want)
				}
				c.out.write(t, 7, 96, 1)
				r.wait(t, "RTP", func() bool { return len(r.rtp) == 1 })
				if a := p.RemoteAddr().Addr().String(); a != clientIP {
					t.Errorf("remote address %s", a)
				}
				w.close(c)
			})
		})
	}
}

// W63, W64: an offer whose candidates are missing or of no use connects by the
// peer's own checks.
func TestW63_W64_NoUsableCandidates(t *testing.T) {
	for name, candidates := range map[string][]string{
		"none": nil,
		"useless": {
			"candidate:1 1 udp 2113937151 1b2c.local 51234 typ host",
			"candidate:2 1 udp 2113937151 nosuch.invalid 51234 typ host",
			"candidate:3 1 tcp 1518280447 198.51.100.9 9 typ host tcptype active",
			"candidate:4 2 udp 2113937150 198.51.100.9 51234 typ host",
			"candidate:garbage",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				c, r := w.client(true), newRecorder()
				start := time.Now()
				c.connect(t, w.transport, r, func(cfg *PeerConfig) { cfg.Candidates = candidates })
				if d := time.Since(start); d > 3*time.Second {
					t.Errorf("connected after %s", d)
				}
				w.close(c)
			})
		})
	}
}

// The round trip is known as soon as the peer is connected.
func TestRTT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSlowWorld(t, 20*time.Millisecond)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		if rtt := p.RTT(); rtt < 40*time.Millisecond || rtt > 60*time.Millisecond {
			t.Errorf("RTT %s", rtt)
		}
		if s := p.Stats(); s.RTT != p.RTT() || s.Remote != p.RemoteAddr() {
			t.Errorf("stats %+v", s)
		}
		w.close(c)
	})
}

// What we send arrives with its header, padding and payload, in either SSRC.
func TestWriteRTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(false), newRecorder()
		cfg := c.config(r)
		p, err := w.transport.NewPeer(cfg)
		must(t, err)
		s := p.SSRCs()[0]
		h := &rtp.Header{Version: 2, SSRC: s.SSRC, PayloadType: 96, SequenceNumber: 1000, Timestamp: 5, Marker: true}
		if err := p.WriteRTP(h, []byte{1}); err != ErrNotConnected {
			t.Errorf("write before connected: %v", err)
		}
		c.accept(t, p.Local(), p.SSRCs())
		r.waitState(t, Connected)
		h.Padding, h.PaddingSize = true, 9
		must(t, h.SetExtension(3, []byte{7, 8}))
		must(t, p.WriteRTP(h, []byte("payload")))
		got := <-c.packets
		if got.SequenceNumber != 1000 || got.Timestamp != 5 || !got.Marker || string(got.Payload) != "payload" ||
			got.PaddingSize != 9 || string(got.GetExtension(3)) != "\x07\x08" {
			t.Errorf("arrived as %v %q", got, got.Payload)
		}
		if s.SSRC == s.RTX || s.SSRC == 0 || s.RTX == 0 {
			t.Errorf("SSRCs %+v", s)
		}
		w.close(c)
	})
}

func TestFingerprintAlgorithms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		c.connect(t, w.transport, r, func(cfg *PeerConfig) {
			f := cfg.Fingerprints[0]
			cfg.Fingerprints = []Fingerprint{
				{"sha-999", "00"}, {"sha-1", "AB"}, {strings.ToUpper(f.Algorithm), strings.ToUpper(f.Value)},
			}
		})
		w.close(c)
	})
}

// An ICE-lite offerer does no checks: we do, and nominate.
func TestLiteOfferer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := newClient(t, clientOptions{net: w.clientNet, publishes: true, lite: true}), newRecorder()
		c.connect(t, w.transport, r, func(cfg *PeerConfig) { cfg.Lite = true })
		c.out.write(t, 7, 96, 1)
		r.wait(t, "RTP", func() bool { return len(r.rtp) == 1 })
		w.close(c)
	})
}

func TestBadPeerConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.client(true)
		for name, change := range map[string]func(*PeerConfig){
			"fingerprint": func(c *PeerConfig) { c.Fingerprints = nil },
			"handler":     func(c *PeerConfig) { c.Handler = nil },
			"ufrag":       func(c *PeerConfig) { c.Ufrag = "abc" },
			"pwd":         func(c *PeerConfig) { c.Pwd = "short" },
			"colon":       func(c *PeerConfig) { c.Ufrag = "ab:cd" },
		} {
			cfg := c.config(newRecorder())
			change(&cfg)
			if _, err := w.transport.NewPeer(cfg); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		w.close(c)
	})
}

// A page that is reloaded comes from the address its dead session still holds.
func TestSameAddressAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dead := false // nothing the first client sends at its end arrives
		w.router.AddChunkFilter(clientFilter(func([]byte) bool { return !dead }))
		first, r1 := clientOn(w, 5000), newRecorder()
		p1 := first.connect(t, w.transport, r1, nil)
		dead = true
		must(t, first.pc.Close())
		synctest.Wait()
		dead = false

		second, r2 := clientOn(w, 5000), newRecorder()
		start := time.Now()
		p2 := second.connect(t, w.transport, r2, nil)
		if p1.RemoteAddr() != p2.RemoteAddr() {
			t.Fatalf("not the same address: %s and %s", p1.RemoteAddr(), p2.RemoteAddr())
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("second session took %s", d)
		}
		second.out.write(t, 9, 96, 1)
		r2.wait(t, "RTP", func() bool { return len(r2.rtp) == 1 })
		if len(r1.rtpHeard()) != 0 || len(r1.statesHeard()) != 1 {
			t.Errorf("first session heard %d packets, states %v", len(r1.rtpHeard()), r1.statesHeard())
		}
		w.close(second)
	})
}

// clientOn makes a publishing client on one port of the virtual network.
func clientOn(w *world, port int) *client {
	sock, err := w.clientNet.ListenUDP("udp4", udpAddr(clientIP, port))
	must(w.t, err)
	mux := webrtc.NewICEUDPMux(quiet.Logger{}, sock)
	c := newClient(w.t, clientOptions{net: w.clientNet, mux: mux, publishes: true})
	c.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		c.state <- s
		if s == webrtc.PeerConnectionStateClosed {
			_ = mux.Close()
		}
	})
	return c
}
