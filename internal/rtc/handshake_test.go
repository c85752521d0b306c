package rtc

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/protocol/extension"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
	"github.com/pion/rtp"
	"github.com/pion/transport/v4/vnet"
	"github.com/pion/webrtc/v4"
)

// W51: a certificate that does not match the offer's fingerprint, in either role.
// Nothing is sent to that peer and nothing taken from it.
func TestW51_FingerprintMismatch(t *testing.T) {
	for _, setup := range []Setup{ActPass, Passive} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			c, r := w.client(true), newRecorder()
			cfg := c.config(r)
			cfg.Setup = setup
			cfg.Fingerprints[0].Value = strings.Repeat("AB:", 31) + "AB"
			w.wantRefused(c, cfg, r)
		})
	}
}

// wantRefused wants ICE to connect and DTLS to be refused, with no media either way.
func (w *world) wantRefused(c *client, cfg PeerConfig, r *recorder) {
	media := 0
	w.router.AddChunkFilter(func(k vnet.Chunk) bool {
		if classify(k.UserData()) == classMedia {
			media++
		}
		return true
	})
	p, err := w.transport.NewPeer(cfg)
	must(w.t, err)
	c.accept(w.t, p.Local(), p.SSRCs())
	for !slices.Contains(r.statesHeard(), Closed) {
		if err := p.WriteRTP(&rtp.Header{Version: 2}, nil); !errors.Is(err, ErrNotConnected) && !errors.Is(err, ErrClosed) {
			w.t.Errorf("write: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
	if !slices.Equal(r.statesHeard(), []State{Failed, Closed}) || media != 0 || len(r.rtpHeard()) != 0 {
		w.t.Errorf("states %v, %d packets of media", r.statesHeard(), media)
	}
	w.close(c)
}

// The strongest hash of the offer decides; a match of a weaker one is none.
func TestFingerprintStrength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		cfg := c.config(r)
		cfg.Fingerprints = append(cfg.Fingerprints, Fingerprint{"sha-512", strings.Repeat("AB:", 63) + "AB"})
		w.wantRefused(c, cfg, r)
	})
	for given, want := range map[string]string{
		"": "", "md5": "", "md2 md5 sha-999": "", "md5 sha-1": "sha-1", "SHA-256 sha-1": "SHA-256",
		"sha-256 sha-512 sha-512": "sha-512 sha-512", "sha-224 sha-384": "sha-384",
	} {
		var all []Fingerprint
		var got []string
		for _, a := range strings.Fields(given) {
			all = append(all, Fingerprint{a, "00"})
		}
		for _, f := range strongest(all) {
			got = append(got, f.Algorithm)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %q, want %q", given, s, want)
		}
	}
}

// A client that does not want SRTP gets nothing at all (RFC 5764 §4.1).
func TestNoSRTPOffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := newClient(t, clientOptions{net: w.clientNet, publishes: true, settings: func(se *webrtc.SettingEngine) {
			se.SetDTLSClientHelloMessageHook(func(m handshake.MessageClientHello) handshake.Message {
				m.Extensions = slices.DeleteFunc(m.Extensions, func(e extension.Extension) bool {
					_, is := e.(*extension.UseSRTP)
					return is
				})
				return &m
			})
		}})
		r := newRecorder()
		w.wantRefused(c, c.config(r), r)
	})
}

// As server we choose the profile: GCM-128 before what browsers put first. Each profile
// works in either role, which is to say that each side's keys are the right ones.
func TestProfiles(t *testing.T) {
	cm, gcm128, gcm256 := dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM
	for _, tc := range []struct {
		offered []dtls.SRTPProtectionProfile
		want    dtls.SRTPProtectionProfile
	}{
		{[]dtls.SRTPProtectionProfile{cm, gcm256, gcm128}, gcm128},
		{[]dtls.SRTPProtectionProfile{cm, gcm256}, gcm256},
		{[]dtls.SRTPProtectionProfile{cm}, cm},
	} {
		for _, publishes := range []bool{false, true} {
			for _, setup := range []Setup{ActPass, Passive} {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					c := newClient(t, clientOptions{
						net: w.clientNet, publishes: publishes,
						settings: func(se *webrtc.SettingEngine) { se.SetSRTPProtectionProfiles(tc.offered...) },
					})
					r := newRecorder()
					p := c.connect(t, w.transport, r, func(cfg *PeerConfig) { cfg.Setup = setup })
					got, _ := p.dtls.SelectedSRTPProtectionProfile()
					if setup == ActPass && got != tc.want || !slices.Contains(tc.offered, got) {
						t.Errorf("%v as %s: %#x", tc.offered, p.Local().Setup, got)
					}
					if publishes {
						c.out.write(t, 7, 96, 1)
						r.wait(t, "RTP", func() bool { return len(r.rtp) == 1 })
					} else {
						must(t, p.WriteRTP(&rtp.Header{Version: 2, SSRC: p.SSRCs()[0].SSRC, PayloadType: 96}, []byte{1}))
						<-c.packets
					}
					w.close(c)
				})
			}
		}
	}
}

// A tenth of all packets lost in each direction delays ICE and DTLS, and no more.
func TestHandshakeUnderLoss(t *testing.T) {
	// As DTLS server we wait for the client, which repeats itself after 1, 2, 4 s.
	for setup, limit := range map[Setup]time.Duration{ActPass: 16 * time.Second, Passive: 8 * time.Second} {
		for seed := range uint64(25) {
			synctest.Test(t, func(t *testing.T) {
				w := newSlowWorld(t, 25*time.Millisecond)
				rnd := rand.New(rand.NewPCG(seed, 1))
				w.router.AddChunkFilter(func(vnet.Chunk) bool { return rnd.IntN(10) > 0 })
				c, r := w.client(true), newRecorder()
				start := time.Now()
				c.connect(t, w.transport, r, func(cfg *PeerConfig) { cfg.Setup = setup })
				if d := time.Since(start); d > limit {
					t.Errorf("seed %d, offered %s: connected after %s", seed, setup, d)
				}
				w.close(c)
			})
		}
	}
}

// A ClientHello of several datagrams, in any order, some twice.
func TestLargeClientHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := newClient(t, clientOptions{net: w.clientNet, publishes: true, settings: func(se *webrtc.SettingEngine) {
			se.SetDTLSClientHelloMessageHook(func(m handshake.MessageClientHello) handshake.Message {
				for i := range 2000 {
					m.CipherSuiteIDs = append(m.CipherSuiteIDs, uint16(0x5000+i)) //nolint:gosec // unknown ones
				}
				return &m
			})
		}})
		var first []byte
		parts := 0
		w.router.AddChunkFilter(clientFilter(func(b []byte) bool {
			if classify(b) != classDTLS || b[4] != 0 || b[13] != 1 { // of a ClientHello
				return true
			}
			if parts++; parts == 1 {
				first = slices.Clone(b)
			}
			return parts != 1 // the first is only in the repetition
		}))
		r := newRecorder()
		c.connect(t, w.transport, r, nil)
		if parts < 6 || len(first) < 1000 {
			t.Errorf("%d parts, the first of %d bytes: not what was to be tested", parts, len(first))
		}
		w.close(c)
	})
}

// A client that refuses our certificate says so; the session does not wait.
func TestAlertDuringHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p, err := w.transport.NewPeer(c.config(r))
		must(t, err)
		l := p.Local()
		l.Fingerprint = "sha-256 " + strings.Repeat("AB:", 31) + "AB"
		start := time.Now()
		c.accept(t, l, nil)
		r.waitState(t, Closed)
		if d := time.Since(start); d > time.Second || !slices.Equal(r.statesHeard(), []State{Failed, Closed}) {
			t.Errorf("after %s: states %v", d, r.statesHeard())
		}
		w.close(c)
	})
}

// record makes a plaintext DTLS record.
func record(typ byte, epoch byte, content ...byte) []byte {
	return append([]byte{typ, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 99, 0, byte(len(content))}, content...)
}

// Once DTLS is done, what somebody else sends in the peer's name ends nothing, and
// draws no alert that would.
func TestForgedDTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		for _, b := range [][]byte{
			record(21, 0, 1, 0),  // close_notify
			record(21, 0, 2, 40), // fatal
			record(21, 1, 2, 40), // not encrypted
			record(23, 0, 1, 2, 3), record(20, 0, 7), record(30, 0, 1), record(22, 0, 1),
			append(record(20, 0, 1), record(21, 0, 1, 0)...),
			record(21, 0, 1, 0)[:14],
			record(21, 0)[:9],
		} {
			w.transport.mux.give(b, p.RemoteAddr().String())
			time.Sleep(time.Second)
		}
		c.out.write(t, 7, 96, 1)
		r.wait(t, "RTP", func() bool { return len(r.rtp) == 1 })
		if s := c.pc.ConnectionState(); s != webrtc.PeerConnectionStateConnected || len(r.statesHeard()) != 1 {
			t.Errorf("client %s, states %v", s, r.statesHeard())
		}
		w.close(c)
	})
}

// DTLS keeps handshake messages for good: it gets a bounded amount of them.
func TestHandshakeBudget(t *testing.T) {
	var g dtlsGuard
	hello := record(22, 0, make([]byte, 200)...)
	passed := 0
	for range 10_000 {
		if g.pass(hello, passed > 20) {
			passed += len(hello)
		}
	}
	if passed == 0 || passed > maxHandshakeBytes {
		t.Errorf("%d bytes", passed)
	}
	if !g.pass(record(21, 1, 1, 0), true) || !g.pass(record(23, 1, 1, 0), true) || !g.pass(nil, true) {
		t.Error("nor does anything else pass")
	}
	if g.pass(hello[:len(hello)-1], false) || g.pass(append(hello[:len(hello):len(hello)], 22), false) {
		t.Error("a cut record passed")
	}
}
