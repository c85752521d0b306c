package rtc

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/internal/quiet"
)

// W65: a full agent: it sends checks, and its answer has nothing of lite to say.
func TestW65_FullICE(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p, err := w.transport.NewPeer(c.config(r))
		must(t, err)
		raw := w.rawICE(7000, c.values("a=ice-ufrag:")[0], c.values("a=ice-pwd:")[0], p.Local())
		raw.check(controlling, lowPriority)
		if !until(time.Second, func() bool { return raw.checks.Load() > 0 && raw.successes.Load() > 0 }) {
			t.Error("no check came")
		}
		if p.Local().Lite {
			t.Error("says that it is lite")
		}
		raw.close()
		w.close(c)
	})
}

// FFmpeg nominates with its first check and leaves out PRIORITY and ICE-CONTROLLING.
func TestNominatesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p, err := w.transport.NewPeer(c.config(r))
		must(t, err)
		raw := w.rawICE(7000, c.values("a=ice-ufrag:")[0], c.values("a=ice-pwd:")[0], p.Local())
		raw.check(nominate)
		if !until(100*time.Millisecond, func() bool { return p.RemoteAddr() == raw.addr }) {
			t.Errorf("selected %s", p.RemoteAddr())
		}
		raw.close()
		w.close(c)
	})
}

// Somebody who does not answer checks gets checks, and nothing else.
func TestNothingWithoutConsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(false), newRecorder()
		cfg := c.config(r)
		cfg.Setup = Passive // we would begin with DTLS
		p, err := w.transport.NewPeer(cfg)
		must(t, err)
		raw := w.rawICE(7000, cfg.Ufrag, cfg.Pwd, p.Local())
		raw.mute.Store(true)
		for range 100 {
			raw.check(nominate)
			time.Sleep(100 * time.Millisecond)
		}
		if raw.other.Load() != 0 || p.RemoteAddr().IsValid() || raw.checks.Load() > 120 {
			t.Errorf("%d packets that are no STUN, %d checks, selected %s", raw.other.Load(), raw.checks.Load(), p.RemoteAddr())
		}
		raw.end.Pwd = strings.Repeat("x", 32)
		before := raw.successes.Load() + raw.errors.Load()
		raw.check(nominate)
		raw.end.Ufrag = "nobody"
		raw.check(nominate)
		time.Sleep(time.Second)
		if n := raw.successes.Load() + raw.errors.Load(); n != before {
			t.Errorf("%d answers to requests that are not authentic", n-before)
		}
		raw.close()
		w.close(c)
	})
}

// A client that lost its address nominates another without a restart, of whatever
// priority, and media follows. Before that it does not follow: the old pair is alive.
func TestAddressChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var away atomic.Bool
		lost := &netip.AddrPort{}
		w.router.AddChunkFilter(fromPort(func(port uint16) bool { return !away.Load() || port != lost.Port() }))
		c, r := w.client(false), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		*lost = p.RemoteAddr()
		raw := w.rawICE(7000, c.values("a=ice-ufrag:")[0], c.values("a=ice-pwd:")[0], p.Local())
		ping := func() { raw.check(nominate, lowPriority, controlling) }

		ping()
		time.Sleep(time.Second)
		ping()
		time.Sleep(time.Second)
		if p.RemoteAddr() != *lost {
			t.Error("left a pair that is alive")
		}
		away.Store(true)
		start := time.Now()
		if !until(10*time.Second, func() bool {
			ping()
			time.Sleep(500 * time.Millisecond)
			return p.RemoteAddr() == raw.addr
		}) {
			t.Fatalf("media goes to %s", p.RemoteAddr())
		}
		if d := time.Since(start); d > 4*time.Second {
			t.Errorf("followed after %s", d)
		}
		must(t, p.WriteRTP(&rtp.Header{Version: 2, SSRC: 7, PayloadType: 96}, []byte{1}))
		for range 120 { // as long as it answers and asks
			ping()
			time.Sleep(500 * time.Millisecond)
		}
		if raw.other.Load() != 1 || slices.Contains(r.statesHeard(), Failed) {
			t.Errorf("%d packets of media, states %v", raw.other.Load(), r.statesHeard())
		}
		raw.close()
		w.close(c)
	})
}

// The new address must answer: a nomination alone moves no media.
func TestAddressChangeNeedsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var away atomic.Bool
		w.router.AddChunkFilter(fromPort(func(port uint16) bool { return !away.Load() || port == 7000 }))
		c, r := w.client(false), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		was := p.RemoteAddr()
		raw := w.rawICE(7000, c.values("a=ice-ufrag:")[0], c.values("a=ice-pwd:")[0], p.Local())
		raw.mute.Store(true)
		away.Store(true)
		for range 40 {
			raw.check(nominate, controlling)
			time.Sleep(500 * time.Millisecond)
			if a := p.RemoteAddr(); a != was {
				t.Fatalf("media goes to %s", a)
			}
		}
		raw.close()
		w.close(c)
	})
}

// Both ends claim one role: they sort it out (RFC 8445 §7.3.1.1).
func TestRoleConflict(t *testing.T) {
	for range 8 { // the tie-breakers are random
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			c, r := w.client(true), newRecorder()
			start := time.Now()
			c.connect(t, w.transport, r, func(cfg *PeerConfig) { cfg.Lite = true }) // so we are controlling, as it is
			if d := time.Since(start); d > 3*time.Second {
				t.Errorf("connected after %s", d)
			}
			w.close(c)
		})
	}
}

// Binding indications prove nothing: anybody can send them in the peer's name.
func TestIndicationsAreNoConsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(true), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		from := p.RemoteAddr().String()
		w.router.AddChunkFilter(clientFilter(func([]byte) bool { return false }))
		start := time.Now()
		until(time.Minute, func() bool {
			w.transport.mux.give(bindingIndication(), from)
			return slices.Contains(r.statesHeard(), Closed)
		})
		if d := time.Since(start); d > consentLife {
			t.Errorf("closed after %s", d)
		}
		if w.transport.Drops(DropUnwantedSTUN) == 0 {
			t.Error("not counted")
		}
		w.close(c)
	})
}

// A subscriber that asks but does not answer has no consent to give: what it is sent
// may go to somebody else. A publisher gets only feedback, and lives by its media.
func TestSubscriberMustAnswerChecks(t *testing.T) {
	for _, publishes := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			c, r := w.client(publishes), newRecorder()
			c.connect(t, w.transport, r, nil)
			w.router.AddChunkFilter(clientFilter(func(b []byte) bool {
				return classify(b) != classSTUN || !isBindingSuccess(b)
			}))
			time.Sleep(consentLife - 2*time.Second)
			if slices.Contains(r.statesHeard(), Closed) {
				t.Error("closed too early")
			}
			time.Sleep(7 * time.Second)
			synctest.Wait()
			if closed := slices.Contains(r.statesHeard(), Closed); closed == publishes {
				t.Errorf("publishes %t: states %v", publishes, r.statesHeard())
			}
			w.close(c)
		})
	}
}

// W67: when consent is lost during a restart nothing is sent to the old pair any more,
// though the session waits for the new one.
func TestW67_ConsentLostDuringRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, r := w.client(false), newRecorder()
		p := c.connect(t, w.transport, r, nil)
		w.router.AddChunkFilter(clientFilter(func([]byte) bool { return false }))
		time.Sleep(15 * time.Second)
		_, err := p.Restart("newufrag", "newpasswordnewpassword1", nil)
		must(t, err)
		start := time.Now()
		if !until(time.Minute, func() bool {
			return errors.Is(p.WriteRTP(&rtp.Header{Version: 2, SSRC: 7}, []byte{1}), ErrNotConnected)
		}) || time.Since(start) > 15*time.Second || slices.Contains(r.statesHeard(), Failed) {
			t.Errorf("media stopped after %s, states %v", time.Since(start), r.statesHeard())
		}
		if p.RemoteAddr().IsValid() {
			t.Errorf("still goes to %s", p.RemoteAddr())
		}
		time.Sleep(30 * time.Second) // the new one fails too
		synctest.Wait()
		if got := r.statesHeard(); !slices.Equal(got, []State{Connected, Disconnected, Failed, Closed}) {
			t.Errorf("states %v", got)
		}
		w.close(c)
	})
}

// What restarts are for: the old address is gone, the new one is heard of as Connected.
func TestRestartAfterDisconnected(t *testing.T) {
	for _, wait := range []time.Duration{7 * time.Second, 20 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			gone := atomic.Uint32{}
			w.router.AddChunkFilter(fromPort(func(port uint16) bool { return uint32(port) != gone.Load() }))
			c, r := w.client(false), newRecorder()
			p := c.connect(t, w.transport, r, nil)
			gone.Store(uint32(p.RemoteAddr().Port()))
			time.Sleep(wait)
			if got := r.statesHeard(); got[len(got)-1] != Disconnected {
				t.Fatalf("states %v", got)
			}
			c.restart(t, p)
			c.waitState(t, webrtc.PeerConnectionStateConnected)
			synctest.Wait()
			if got := r.statesHeard(); !slices.Equal(got, []State{Connected, Disconnected, Connected}) {
				t.Errorf("states %v", got)
			}
			must(t, p.WriteRTP(&rtp.Header{Version: 2, SSRC: p.SSRCs()[0].SSRC, PayloadType: 96}, []byte{1}))
			<-c.packets
			w.close(c)
		})
	}
}

// Peers are not checked in step, and not less often than said.
func TestKeepAliveIsSpread(t *testing.T) {
	tr := &Transport{cfg: Config{KeepAlive: DefaultKeepAlive}}
	seen := map[time.Duration]bool{}
	for range 100 {
		d := tr.keepAlive()
		seen[d] = true
		if d > DefaultKeepAlive || d < DefaultKeepAlive*8/10 {
			t.Errorf("every %s", d)
		}
	}
	if len(seen) < 50 {
		t.Errorf("%d different ones of 100", len(seen))
	}
}

// Our checks do not knock at our own ports unless a peer can be there.
func TestLoopbackCandidates(t *testing.T) {
	agent, err := ice.NewAgentWithOptions(ice.WithLoggerFactory(quiet.Logger{}))
	must(t, err)
	for loopback, want := range map[bool]int{true: 1, false: 0} {
		g := &generation{agent: agent, loopback: loopback}
		g.add(remoteCandidate{addrPorts("127.0.0.1:53")[0], 1})
		if g.candidates != want {
			t.Errorf("announced %t: %d taken", loopback, g.candidates)
		}
	}
	must(t, agent.Close())
}
